"""Doors: rpcs, consumer, loops."""
