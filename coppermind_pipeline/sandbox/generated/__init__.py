"""A made-up portal of any size: seeded, so that the same configuration gives the same records."""
