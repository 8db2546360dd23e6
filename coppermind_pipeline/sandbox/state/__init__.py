"""What one server holds: its portals, what was granted to the app, faults to come, and the log of requests."""
