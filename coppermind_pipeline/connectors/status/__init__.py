"""How a connector is: stored facts, the one state that follows from them, what to do next, and who is told."""
