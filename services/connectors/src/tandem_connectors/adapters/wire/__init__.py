"""Canonical facts and documents as protobuf messages."""
