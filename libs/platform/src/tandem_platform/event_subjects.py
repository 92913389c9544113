"""Names on the bus: streams, subjects and durables, and which service is behind an area."""

from __future__ import annotations

import re
from collections.abc import Mapping

# The service that owns each area's journal; consumers repair gaps from there.
SERVICE_OF_AREA: Mapping[str, str] = {
    "inventory": "inventory-availability",
    "order": "order-orchestrator",
    "finance": "finance-posting",
    "reconciliation": "reconciliation",
    "connector": "connectors",
}

_WORD_START = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")


def area_of_type(event_type: str) -> str:
    """``order`` of ``tandem.order.v1.OrderAccepted``. Raises ValueError for other names."""
    parts = event_type.split(".")
    if len(parts) < 4 or parts[0] != "tandem":
        raise ValueError(f"{event_type!r} is not the full name of a Tandem event")
    return parts[1]


def stream_of_area(area: str) -> str:
    """``EVT_ORDER`` of ``order``."""
    return f"EVT_{area.upper()}"


def service_of_stream(stream: str) -> str:
    """The service whose journal fills a stream. Raises KeyError for an unknown stream."""
    return SERVICE_OF_AREA[area_of_stream(stream)]


def area_of_stream(stream: str) -> str:
    """``order`` of ``EVT_ORDER``."""
    return stream.removeprefix("EVT_").lower()


def subject_of(event_type: str, partition: int) -> str:
    """``evt.order.order_accepted.p03`` of an event type and a partition."""
    area = area_of_type(event_type)
    event = _WORD_START.sub("_", event_type.rsplit(".", 1)[-1]).lower()
    return f"evt.{area}.{event}.{partition_token(partition)}"


def partition_filter(stream: str, partition: int) -> str:
    """Subject filter of one partition of a stream."""
    return f"evt.{area_of_stream(stream)}.*.{partition_token(partition)}"


def durable_name(consumer: str, partition: int) -> str:
    """Name of the durable that reads one partition for a consumer."""
    return f"{consumer}-{partition_token(partition)}"


def partition_token(partition: int) -> str:
    """``p03`` of 3."""
    return f"p{partition:02d}"
