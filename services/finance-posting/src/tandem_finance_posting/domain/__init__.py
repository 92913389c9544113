"""Posting as plain Python: rules, costs, journals."""
