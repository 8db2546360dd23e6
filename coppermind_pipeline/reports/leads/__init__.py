"""Contacts as leads: how many came, how far they got along the funnel, and how long that took."""
