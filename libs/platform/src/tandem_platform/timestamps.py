"""Instants between ``google.protobuf.Timestamp`` and datetime, the same in every room."""

from __future__ import annotations

from datetime import UTC, datetime

from google.protobuf.timestamp_pb2 import Timestamp
from tandem_core.errors import FieldViolation, ValidationFailed


def to_time(value: datetime) -> Timestamp:
    """An instant as a message; ``value`` knows its zone."""
    stamp = Timestamp()
    stamp.FromDatetime(value.astimezone(UTC))
    return stamp


def from_time(stamp: Timestamp) -> datetime:
    """An instant in UTC. Raises ValidationFailed for one outside of the calendar."""
    try:
        return stamp.ToDatetime(tzinfo=UTC)
    except (ValueError, OverflowError) as error:
        raise ValidationFailed([FieldViolation("time", str(error))]) from error
