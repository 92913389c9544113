"""Which documented reason a fault of the database driver or of the clock stands for."""

from __future__ import annotations

import psycopg
import sqlalchemy.exc


def reason_of_store_error(error: BaseException) -> str:
    """UNAVAILABLE or DEADLINE_EXCEEDED for faults that pass; empty for all other errors."""
    if isinstance(error, TimeoutError):
        return "DEADLINE_EXCEEDED"
    cause = error.orig if isinstance(error, sqlalchemy.exc.DBAPIError) else error
    if isinstance(cause, psycopg.errors.QueryCanceled):
        return "DEADLINE_EXCEEDED"
    # Deadlocks and serialization failures are OperationalErrors too: the same request may be
    # repeated, which is what UNAVAILABLE says.
    if isinstance(cause, psycopg.OperationalError | psycopg.InterfaceError | ConnectionError):
        return "UNAVAILABLE"
    if isinstance(error, sqlalchemy.exc.TimeoutError):
        return "UNAVAILABLE"
    return ""
