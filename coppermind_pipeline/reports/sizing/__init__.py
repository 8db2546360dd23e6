"""How answers stay small: lists go on at a cursor, what was computed is cut in a fixed order, and says so."""
