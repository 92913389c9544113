"""ResolveParkedSignal: somebody looked at a signal and applies, edits or drops it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from tandem_core.errors import FieldViolation, NotFound, ValidationFailed

from tandem_inventory_availability.application.ports import SignalTransaction
from tandem_inventory_availability.application.signal_ports import Parked, ParkedStore
from tandem_inventory_availability.domain.figure_changes import finish
from tandem_inventory_availability.domain.signal_errors import ParkedSignalResolved
from tandem_inventory_availability.domain.stock_signal import (
    SignalOutcome,
    SignalResult,
    StockSignal,
    digest,
)
from tandem_inventory_availability.domain.taking_signals import drop, take


class Resolution(StrEnum):
    """What becomes of a parked signal."""

    APPLY = "APPLY"
    EDIT = "EDIT"
    DROP = "DROP"


@dataclass(frozen=True)
class ResolveParkedSignal:
    """A decision; ``edited`` is applied instead of the signal as it came."""

    tenant: str
    parked_id: str
    resolution: Resolution
    edited: StockSignal | None
    reason: str
    actor: str


async def resolve_parked_signal(
    store: ParkedStore, transaction: SignalTransaction, wanted: ResolveParkedSignal, now: datetime
) -> SignalResult:
    """What became of it; one in conflict with a known signal stays parked.

    Raises NotFound, ParkedSignalResolved, ValidationFailed, and what `take` raises.
    """
    parked = await store.lock(wanted.tenant, wanted.parked_id)
    if parked is None:
        raise NotFound("parked signal", wanted.parked_id)
    if parked.state != "PARKED":
        raise ParkedSignalResolved(parked.id, parked.state)
    signal = _decided(parked, wanted)
    book = await transaction.open([signal], now)
    if wanted.resolution is Resolution.DROP:
        drop(book, signal)
        result = SignalResult(SignalOutcome.DROPPED)
    else:
        result = take(book, signal)
        finish(book)
    await transaction.store(book)
    if result.outcome is not SignalOutcome.CONFLICT:
        state = "DROPPED" if wanted.resolution is Resolution.DROP else "APPLIED"
        decided = replace(
            parked, state=state, resolution_reason=wanted.reason, resolved_by=wanted.actor
        )
        await store.decide(wanted.tenant, decided)
    return result


def _decided(parked: Parked, wanted: ResolveParkedSignal) -> StockSignal:
    reviewed = replace(parked.signal, reviewed=True)
    if wanted.resolution is not Resolution.EDIT:
        return reviewed
    if wanted.edited is None:
        raise ValidationFailed([FieldViolation("edited", "is required to edit", "required")])
    came, edited = parked.signal, wanted.edited
    for name, mine, theirs in (
        ("source", came.source, edited.source),
        ("epoch", came.epoch, edited.epoch),
    ):
        if mine != theirs:
            raise ValidationFailed([FieldViolation(f"edited.{name}", "is another one", "same")])
    return replace(
        edited,
        sequence=came.sequence,
        tie=came.tie,
        reviewed=True,
        known_as=digest(came),
    )
