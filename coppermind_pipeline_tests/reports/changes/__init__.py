"""What changed in the open pipeline."""
