"""The doors: REST for programs outside, gRPC for its own service."""
