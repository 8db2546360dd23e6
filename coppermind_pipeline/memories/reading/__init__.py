"""Finding memories: lists, search, and what of a memory is shown."""
