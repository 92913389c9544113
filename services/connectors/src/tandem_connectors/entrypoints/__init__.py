"""Rpcs, the consumer, and the loops."""
