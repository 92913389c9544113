"""The simulated provider itself: a small HTTP server with a truth of its own."""
