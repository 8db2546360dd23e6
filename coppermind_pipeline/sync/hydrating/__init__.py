"""Hydrating: records in full, in batches, with the properties that the portal lets us read."""
