"""What a portal defines and configures, as far as it decides what its records mean."""
