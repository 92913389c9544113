"""A payment provider over HTTP, with its simulator."""
