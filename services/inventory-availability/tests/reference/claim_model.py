"""What is claimed: lines of owners and leases of tills. See `stock_model`."""

from __future__ import annotations

from dataclasses import dataclass, field

from .channel_model import Draws, give_back
from .signal_model import Shelf


@dataclass
class Line:
    """A claim on a shelf, or on a group when ``group`` is set."""

    line_id: str
    sku: str
    location: str
    quantity: int
    group: str = ""
    released: int = 0
    backordered: int = 0
    pegged: int = 0
    short: int = 0
    shipped: list[tuple[str, int]] = field(default_factory=list)
    draws: Draws = field(default_factory=list)

    @property
    def scope(self) -> tuple[str, str]:
        """SKU and location or group."""
        return self.sku, self.group or self.location

    @property
    def open(self) -> int:
        """Units still claimed and not shipped."""
        return self.quantity - self.released - sum(units for _, units in self.shipped)

    def let_go(self, units: int) -> None:
        """Gives units back, and the last drawn of them to their pots."""
        self.released += units
        self.draws = give_back(self.draws, units)

    @property
    def on_hand(self) -> int:
        """Of those, the ones that take from the shelf: not those that wait for supply."""
        return self.open - self.pegged


@dataclass
class Claim:
    """What an owner was promised; without ``ends`` it has no end."""

    id: str
    owner: str
    channel: str
    ends: int | None
    lines: list[Line]
    lapsed: bool = False
    """Seen expired once: it stays so, whatever its end says later."""


@dataclass
class Lease:
    """Units a till may sell until ``expires`` while it cannot ask; they are kept back until
    ``ends``, so that late reports still find them."""

    id: str
    shelf: Shelf
    quantity: int
    ends: int
    expires: int
    till: str
    used: int = 0
    returned: bool = False
    reports: dict[str, int] = field(default_factory=dict)
    breaches: dict[str, int] = field(default_factory=dict)
    draws: Draws = field(default_factory=list)
