"""Checkpoints, matches and exceptions."""
