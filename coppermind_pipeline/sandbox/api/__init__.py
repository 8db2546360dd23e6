"""HubSpot's API as its clients see it: paths, scopes, OAuth and answers."""
