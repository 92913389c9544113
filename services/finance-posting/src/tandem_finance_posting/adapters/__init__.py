"""Postgres, wire and rule files behind the ports."""
