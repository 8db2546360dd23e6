"""One HubSpot account: its settings, definitions, records and associations, and the edits that people make."""
