"""Pages that sum up: one mind for its client, all minds for whoever works for them."""
