"""The five aggregates of a period, and what they count."""
