"""The cost sub-ledger: strict in order per SKU and valuation area, stamps cost on events.

Cost is a fact for the rules, never calculated by them. An event is judged on a trial of the state:
what it needs and is not there holds it, and then nothing has changed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any

from tandem_finance_posting.domain.cost_holds import CostHolds, EventId, HoldKey
from tandem_finance_posting.domain.cost_move import (
    CostMove,
    Move,
    MoveRecord,
    MoveWaits,
    Touched,
    cost_missing,
    predecessor_missing,
)
from tandem_finance_posting.domain.cost_moves import COST_MOVES
from tandem_finance_posting.domain.cost_state import (
    AsideKey,
    CostState,
    LineKey,
    PoolKey,
    ReceiptKey,
)
from tandem_finance_posting.domain.errors import FinanceFactInvalid, ReversalRefused
from tandem_finance_posting.domain.finance_event import PREDECESSOR_MISSING, FinanceEvent, Hold
from tandem_finance_posting.domain.goods_receipt import Receipt
from tandem_finance_posting.domain.overlay import Overlay
from tandem_finance_posting.domain.purchase_moves import receipt_pools

__all__ = ["CostLedger", "CostMove", "CostNeeds", "needs"]


@dataclass(frozen=True)
class CostNeeds:
    """Keys of the state some events touch; unions are made with ``|``."""

    pools: frozenset[PoolKey] = frozenset()
    asides: frozenset[AsideKey] = frozenset()
    receipts: frozenset[ReceiptKey] = frozenset()
    lines: frozenset[LineKey] = frozenset()
    orders: frozenset[tuple[str, str]] = frozenset()
    """Tenant and order: to be locked by the caller before ``load``; what left for their lines is
    read without a lock of its own."""
    events: frozenset[EventId] = frozenset()

    def __or__(self, other: CostNeeds) -> CostNeeds:
        return CostNeeds.of_all([self, other])

    @classmethod
    def of_all(cls, several: Sequence[CostNeeds]) -> CostNeeds:
        """What several events touch together; one by one with ``|`` would copy the first again for
        each of the others."""
        names = [f.name for f in fields(cls)]
        return cls(*(frozenset().union(*(getattr(x, name) for x in several)) for name in names))


def needs(event: FinanceEvent, moves: Sequence[CostMove]) -> CostNeeds:
    """What the event touches. Facts nothing can be made of need nothing: posting refuses them."""
    try:
        touched = [move.touches(record) for move, record in _records(event, moves)]
    except FinanceFactInvalid:
        touched = []
    orders = {(key.tenant, key.order_id) for x in touched for key in x.lines}
    if event.order_id:
        orders.add((event.tenant, event.order_id))
    return CostNeeds(
        pools=frozenset(key for x in touched for key in x.pools),
        asides=frozenset(key for x in touched for key in x.asides),
        receipts=frozenset(key for x in touched for key in x.receipts),
        lines=frozenset(key for x in touched for key in x.lines),
        orders=frozenset(orders),
        events=frozenset({_id(event)}),
    )


@dataclass
class CostLedger:
    """State and holds of what the events at hand touch. Changes are pending until ``keep``."""

    state: CostState = field(default_factory=CostState)
    holds: CostHolds = field(default_factory=CostHolds)
    changed: tuple[set[Any], ...] = field(default_factory=lambda: (set(), set(), set(), set()))
    """Keys that may differ from what is stored, of each part of the state."""
    _tried: tuple[FinanceEvent, CostState, dict[str, Any]] | None = None

    def gate(self, event: FinanceEvent, moves: Sequence[CostMove]) -> Hold | None:
        """What the event waits for; None when its cost is known. Raises FinanceFactInvalid."""
        if not moves:
            return None
        trial = self.state.trial()
        try:
            self._in_turn(event, moves)
            stamped = _applied(trial, event, moves)
        except MoveWaits as waits:
            return waits.hold
        self._tried = (event, trial, stamped)
        return None

    def stamp(self, event: FinanceEvent, moves: Sequence[CostMove]) -> dict[str, Any]:
        """Makes the moves and gives the facts to add, a list for each move that stamps.

        To be called for every event that is posted, also without moves: a held one is released by
        it. Raises FinanceFactInvalid, and MoveWaits for an event the gate would have held.
        """
        if not moves:
            self.holds.release(_id(event))
            return {}
        tried = self._tried
        if tried is None or tried[0] is not event:
            trial = self.state.trial()
            tried = (event, trial, _applied(trial, event, moves))
        self._take_over(tried[1])
        self.holds.release(_id(event))
        return tried[2]

    def released(self, event: FinanceEvent) -> None:
        """An event without moves is posted: should it have been held, nothing waits for it."""
        self.holds.release(_id(event))

    def undo(
        self, event: FinanceEvent, moves: Sequence[CostMove], stamped_facts: Mapping[str, Any]
    ) -> None:
        """Takes back what the event moved, at the cost it was stamped with.

        Raises ReversalRefused when goods have moved on since.
        """
        trial = self.state.trial()
        facts = {**event.facts, **stamped_facts}
        for declared in reversed(moves):
            name = declared.stamped_as or declared.each
            for record in reversed(list(_list(event, facts, name))):
                try:
                    COST_MOVES[declared.kind].undo(trial, record)
                except ValueError as error:
                    raise ReversalRefused("", str(error)) from None
        self._take_over(trial)

    def note_hold(self, event: FinanceEvent, moves: Sequence[CostMove]) -> None:
        """The event waits: what must not overtake it waits too."""
        self.drop()
        self.holds.note(_id(event), set(self._held_up(event, moves)))
        self.keep()

    def forget_hold(self, event: FinanceEvent) -> None:
        """The event will never be posted; nothing waits for it any more."""
        self.holds.release(_id(event))
        self.keep()

    def keep(self) -> None:
        """Makes the changes lasting."""
        self._tried = None
        for part in self._overlays():
            part.keep()
        self.holds.keep()

    def drop(self) -> None:
        """Undoes the changes since the last ``keep``."""
        self._tried = None
        for part in self._overlays():
            part.drop()
        self.holds.drop()

    def _overlays(self) -> Iterator[Overlay[Any, Any]]:
        for part in self.state.parts():
            assert isinstance(part, Overlay), "the ledger holds overlays"
            yield part

    def _take_over(self, trial: CostState) -> None:
        self._tried = None
        for changed, keys in zip(self.changed, self.state.take_over(trial), strict=True):
            changed.update(keys)

    def _in_turn(self, event: FinanceEvent, moves: Sequence[CostMove]) -> None:
        """Raises MoveWaits when an earlier event of the SKU, order line or goods is held."""
        if not self.holds.places:
            return
        for move, record in _records(event, moves):
            touched = move.touches(record)
            for line in touched.lines if move.returns else ():
                if self._blocked(event, ("line", *line)):
                    raise predecessor_missing(f"an earlier shipment of line {line.line_ref} waits")
            for pool in self._pools(touched) if move.waits else ():
                if self._blocked(event, ("pool", *pool)):
                    raise cost_missing(f"an earlier event of {pool.sku} waits for its cost")
            for aside in touched.taken_from:
                if self._blocked(event, ("aside", *aside)):
                    raise predecessor_missing(f"an earlier event of {aside.ref} waits")

    def _blocked(self, event: FinanceEvent, key: HoldKey) -> bool:
        return self.holds.blocked(key, _id(event))

    def _pools(self, touched: Touched) -> Iterator[PoolKey]:
        yield from touched.pools
        for key in touched.receipts:
            receipt = self.state.receipts.get(key, Receipt())
            yield from receipt_pools(key.tenant, key.legal_entity, receipt)

    def _held_up(self, event: FinanceEvent, moves: Sequence[CostMove]) -> Iterator[HoldKey]:
        try:
            hold = self.gate(event, moves)
            touched = [(move, move.touches(record)) for move, record in _records(event, moves)]
        except FinanceFactInvalid:
            return
        # One that waits for its predecessor does not hold up the SKU: the predecessor may be an
        # issue of that very SKU, and both would wait for ever.
        blocks = hold is None or hold.gate != PREDECESSOR_MISSING
        for move, keys in touched:
            yield from (("aside", *aside) for aside in keys.taken_from)
            if not move.returns:
                yield from (("line", *line) for line in keys.lines)
            if blocks and move.blocks:
                yield from (("pool", *pool) for pool in self._pools(keys))


def _id(event: FinanceEvent) -> EventId:
    return event.tenant, event.key


def _applied(
    trial: CostState, event: FinanceEvent, moves: Sequence[CostMove]
) -> dict[str, list[dict[str, Any]]]:
    stamped: dict[str, list[dict[str, Any]]] = {m.stamped_as: [] for m in moves if m.stamped_as}
    for declared in moves:
        for record in _list(event, event.facts, declared.each):
            for stamp in COST_MOVES[declared.kind].apply(trial, record):
                if declared.stamped_as:
                    stamped[declared.stamped_as].append(stamp)
    return stamped


def _records(event: FinanceEvent, moves: Sequence[CostMove]) -> Iterable[tuple[Move, MoveRecord]]:
    for declared in moves:
        for record in _list(event, event.facts, declared.each):
            yield COST_MOVES[declared.kind], record


def _list(event: FinanceEvent, facts: Mapping[str, Any], name: str) -> Iterator[MoveRecord]:
    items = facts.get(name) or ()
    if not isinstance(items, (list, tuple)):
        raise FinanceFactInvalid(name, event.type)
    for n, values in enumerate(items):
        if not isinstance(values, Mapping):
            raise FinanceFactInvalid(f"{name}[{n}]", event.type)
        yield MoveRecord(event, values, f"{name}[{n}]")
