"""What HubSpot's API holds: records, associations, definitions, the portal's account; requests made, answers read."""
