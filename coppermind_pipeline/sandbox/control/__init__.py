"""What HubSpot's people and a test do to a sandbox: endpoints under `/__sandbox__/`, and their client."""
