"""What the use cases need from outside."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from tandem_inventory_availability.domain.errors import InsufficientStock
from tandem_inventory_availability.domain.quota_lease import DeviceKey
from tandem_inventory_availability.domain.reservation import OwnerKey, Reservation
from tandem_inventory_availability.domain.reservation_line import Place
from tandem_inventory_availability.domain.signal_book import SignalBook
from tandem_inventory_availability.domain.stock_book import BookedLine, Origin, StockBook
from tandem_inventory_availability.domain.stock_position import StockKey, StockPosition
from tandem_inventory_availability.domain.stock_signal import StockSignal

Result = Reservation | list[StockPosition]
"""What a command answers: the reservation, or the positions it touched."""


@dataclass(frozen=True)
class Needs:
    """The rows a command decides on. Positions of named reservations and owners come along."""

    keys: tuple[StockKey, ...] = ()
    places: tuple[Place, ...] = ()
    """What lines claim; bundles come with their components, groups with their members."""
    targets: tuple[tuple[str, str, str], ...] = ()
    """Tenant, reservation and location: the SKUs of the reservation there."""
    channel: str = ""
    """Whose quotas a claim draws on; those of named reservations come along."""
    owners: tuple[OwnerKey, ...] = ()
    reservations: tuple[tuple[str, str], ...] = ()
    shipments: tuple[tuple[str, str], ...] = ()
    """Tenant and reference of shipments whose evidence is needed."""
    booked: tuple[BookedLine, ...] = ()
    planning: tuple[tuple[str, str], ...] = ()
    """Tenant and SKU whose allocation plans are about to be made."""
    leases: tuple[tuple[str, str], ...] = ()
    """Tenant and id of leases."""
    devices: tuple[DeviceKey, ...] = ()
    """Holders whose live leases are needed."""
    reports: tuple[str, ...] = ()
    """Report numbers of the named leases."""
    cases: tuple[tuple[str, str], ...] = ()
    """Tenant and id of conflict cases; their places come along."""
    supply: tuple[tuple[str, str], ...] = ()
    """Tenant and id of supply lines that change; what waits for them comes along."""


class StockCommand(Protocol):
    """One write. `decide` is pure and changes nothing when it raises."""

    @property
    def origin(self) -> Origin:
        """Trace headers of the caller."""
        ...

    def needs(self) -> Needs:
        """The rows to lock before it is decided."""
        ...

    def decide(self, book: StockBook) -> Result:
        """Changes the book. Raises a DomainError when a rule forbids it."""
        ...


class StockTransaction(Protocol):
    """Stock's rows in one open transaction; the caller commits."""

    async def open(self, needs: Sequence[Needs], now: datetime) -> StockBook:
        """The rows, locked in one fixed order."""
        ...

    async def store(self, book: StockBook) -> None:
        """Writes all changes and records their events."""
        ...

    async def offer_alternatives(self, refused: Sequence[InsufficientStock], now: datetime) -> None:
        """Adds to shortages where else there is stock."""
        ...


class SignalTransaction(Protocol):
    """Signals' rows in one open transaction; the caller commits."""

    async def open(self, signals: Sequence[StockSignal], now: datetime) -> SignalBook:
        """The rows, locked in the order of all commands. Unknown sources are left out."""
        ...

    async def store(self, book: SignalBook) -> None:
        """Writes all changes by signals and records their events."""
        ...
