"""Use cases: read, judge, save, in one transaction."""
