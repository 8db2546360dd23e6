"""What a report stands on, and what its reader is warned of."""
