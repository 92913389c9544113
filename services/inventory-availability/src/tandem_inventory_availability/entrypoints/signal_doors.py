"""What the rpcs of `SignalService` share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tandem_core.clock import Clock
from tandem_core.ids import IdFactory
from tandem_platform.database import Database
from tandem_platform.idempotency import IdempotentWrites
from tandem_platform.pagination import PageTokens
from tandem_platform.unit_of_work import UnitOfWorkFactory

from tandem_inventory_availability.adapters.signal_writes import SignalWrites


def _nobody() -> None:
    """Nobody waits for closed snapshots."""


@dataclass(frozen=True)
class SignalDoors:
    """Queues, rows, clock and ids; ``poke_snapshots`` wakes whoever applies closed snapshots."""

    units: UnitOfWorkFactory
    writes: SignalWrites
    idempotent: IdempotentWrites
    clock: Clock
    ids: IdFactory
    page_tokens: PageTokens
    poke_snapshots: Callable[[], None] = _nobody

    @property
    def database(self) -> Database:
        """Rows to read."""
        return self.units.database
