"""Normalizing: from the raw log to records, associations and attributions that can be asked for, without HubSpot."""
