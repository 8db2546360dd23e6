"""The authorization of a connector: one-time states, the way back from HubSpot, encrypted tokens and their renewal."""
