"""Revisions of the database, applied in order when the service starts."""
