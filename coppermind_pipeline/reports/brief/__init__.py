"""The brief: one printed page for a client, made of the same figures as the reports."""
