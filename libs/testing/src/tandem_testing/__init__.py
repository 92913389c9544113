"""Embedded Postgres and NATS, builders, simulators, fault tools for tests."""
