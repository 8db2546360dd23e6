"""Reconciling: what HubSpot changes without announcing it, found by its lists and by reading everything again."""
