"""Pulling: what HubSpot holds in the windows under way, into the raw log."""
