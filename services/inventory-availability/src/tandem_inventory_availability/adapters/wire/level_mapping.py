"""What is told of levels, as messages."""

from __future__ import annotations

from google.protobuf.message import Message
from tandem.inventory.v1 import events_pb2

from tandem_inventory_availability.domain.availability_levels import Level, LevelChange

URGENT = "urgent-availability"
"""All levels share this partition key: they wait for each other and for no position's changes.

A position whose thousands of changes wait holds up its own partition only. What still shares this
one is one in `partitions` of the other aggregates.
"""


def to_level_event(change: LevelChange) -> Message:
    """The event of a level."""
    event: type[Message] = events_pb2.AvailabilityRestored
    if change.after is Level.ZERO:
        event = events_pb2.AvailabilityRanOut
    elif change.after is Level.LOW and change.before is not Level.ZERO:
        event = events_pb2.AvailabilityFellLow
    return event(
        sku=change.key.sku,
        location=change.key.location,
        available=change.available,
        low=change.low,
    )
