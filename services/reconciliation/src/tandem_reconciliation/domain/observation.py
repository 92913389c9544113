"""What one record says about one thing: the material every comparison is made of."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Side(StrEnum):
    """Which side of a checkpoint an observation belongs to."""

    LEFT = "LEFT"
    RIGHT = "RIGHT"


@dataclass(frozen=True)
class Observation:
    """One record's word. ``amount`` is minor units, or units of goods with an empty currency.

    ``key`` names the record itself and makes it count once; ``group`` names the thing both sides
    speak of, and amounts of one group and side are added up.
    """

    tenant: str
    checkpoint: str
    side: Side
    key: str
    group: str
    amount: int
    currency_code: str
    order_id: str
    detail: str
    occurred_at: datetime
    trace_id: str = ""


@dataclass(frozen=True)
class SideTotal:
    """All observations of one group on one side, added up; None for a side without any."""

    amount: int
    count: int
    first_at: datetime
    detail: str


@dataclass(frozen=True)
class Group:
    """One thing and what both sides say of it."""

    key: str
    currency_code: str
    order_id: str
    trace_id: str
    left: SideTotal | None
    right: SideTotal | None
