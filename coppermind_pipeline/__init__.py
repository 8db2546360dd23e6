"""Coppermind pipeline: read-only HubSpot ingest into one partitioned memory per client."""
