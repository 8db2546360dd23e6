"""Sixty questions of a CMO, the one call that answers each, and its answer told from the portals' own records."""
