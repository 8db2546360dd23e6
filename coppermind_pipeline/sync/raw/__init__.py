"""The raw log: what HubSpot answered, as it sent it, and what it had no answer about."""
