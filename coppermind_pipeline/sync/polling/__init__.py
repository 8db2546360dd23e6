"""Polling: which connectors are due, and a poll that needs no run."""
