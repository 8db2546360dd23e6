"""The commands that serve something until they are interrupted."""
