"""What can be done to a connector: one module for each action of the `connectors` tool; `status` has a folder."""
