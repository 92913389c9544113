"""Tells when what can be promised at a position runs low, runs out, or comes back.

The level last told is kept with the position. It is not enough to compare before and after a
change: stock that comes back because a hold ends by the clock has no change of its own.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from tandem_inventory_availability.domain.availability_terms import node_terms
from tandem_inventory_availability.domain.stock_policy import StockPolicy
from tandem_inventory_availability.domain.stock_position import StockKey, StockPosition


class Level(StrEnum):
    """How much can be promised. UNKNOWN before the first look: nobody was told anything yet."""

    UNKNOWN = ""
    AVAILABLE = "AVAILABLE"
    LOW = "LOW"
    ZERO = "ZERO"


@dataclass(frozen=True)
class LevelChange:
    """A level others are told of; ``version`` counts what was told of the position."""

    key: StockKey
    before: Level
    after: Level
    available: int
    low: int
    version: int


def level_of(available: int, low: int) -> Level:
    """The level of a figure."""
    if available <= 0:
        return Level.ZERO
    return Level.LOW if available <= low else Level.AVAILABLE


def judge(position: StockPosition, policy: StockPolicy, now: datetime) -> LevelChange | None:
    """Takes the position's level down; what is to be told, None when nothing is new."""
    low = policy.low_threshold(position.key.sku, position.key.location, now)
    available = node_terms(position, policy, None, now).available
    before, after = Level(position.level), level_of(available, low)
    if before is after:
        return None
    position.level = after.value
    if before is Level.UNKNOWN:
        return None
    position.level_version += 1
    return LevelChange(position.key, before, after, available, low, position.level_version)
