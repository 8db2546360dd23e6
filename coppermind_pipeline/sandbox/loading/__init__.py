"""A portal from files: CSV, exports, or answers recorded from HubSpot's API."""
