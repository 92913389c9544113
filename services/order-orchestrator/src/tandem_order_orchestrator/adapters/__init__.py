"""Postgres, wire and peer services behind the ports."""
