"""The ways in: command line and web service, and what runs them all on one machine. Each calls the rooms below."""
