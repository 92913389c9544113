"""Doors: rpcs and consumers."""
