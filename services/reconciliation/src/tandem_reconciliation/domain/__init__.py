"""Comparing two sides: plain Python."""
