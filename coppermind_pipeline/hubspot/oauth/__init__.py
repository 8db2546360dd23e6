"""OAuth with HubSpot: the authorization link, tokens, and what its answers say."""
