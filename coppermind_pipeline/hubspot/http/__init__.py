"""HTTP as HubSpot speaks it: one call sent and its answer read, within deadlines, retried, halved if it is too much."""
