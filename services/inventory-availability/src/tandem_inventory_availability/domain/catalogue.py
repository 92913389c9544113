"""What may be stocked, and where."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class LocationKind(StrEnum):
    """Kinds of location."""

    DISTRIBUTION_CENTRE = "DISTRIBUTION_CENTRE"
    STORE = "STORE"


@dataclass(frozen=True)
class Item:
    """Something that can be stocked; ``quantity_scale`` is the decimals of its minor unit.

    With ``components`` (SKU and units of each) it is a bundle: it has no stock of its own.
    """

    sku: str
    title: str
    quantity_scale: int
    components: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Location:
    """A place that holds stock; a lower priority is sourced first."""

    id: str
    kind: LocationKind
    title: str
    priority: int
    ships: bool
