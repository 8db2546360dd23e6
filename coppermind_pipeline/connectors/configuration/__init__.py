"""What a connector may be told, what holds where it is told nothing, and what its cadences mean."""
