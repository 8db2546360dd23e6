"""What changed in the open pipeline: from one time to another, step by step, with the deals behind each."""
