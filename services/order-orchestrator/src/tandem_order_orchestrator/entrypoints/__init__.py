"""Doors: rpcs, consumers, loops."""
