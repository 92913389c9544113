"""Postgres and wire behind the ports."""
