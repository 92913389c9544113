"""Postgres rows and wire messages."""
