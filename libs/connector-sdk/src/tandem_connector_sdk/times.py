"""Times as sources write them."""

from datetime import UTC, date, datetime


def parse_instant(text: str) -> datetime | None:
    """An ISO 8601 time in UTC; None without an offset: a guess moves days."""
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        return None
    return instant.astimezone(UTC) if instant.tzinfo else None


def parse_local(text: str) -> datetime | None:
    """An ISO 8601 time with or without an offset; the caller knows the zone of a naive one."""
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None


def parse_date(text: str) -> date | None:
    """A date written `YYYY-MM-DD`, or None."""
    try:
        return date.fromisoformat(text) if len(text) == 10 else None
    except ValueError:
        return None
