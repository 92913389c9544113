"""Moves of goods that came back: at the cost they left with, then on by what they are fit for."""

from __future__ import annotations

from collections.abc import Iterable

from tandem_finance_posting.domain.cost_move import (
    Move,
    MoveRecord,
    Stamp,
    Touched,
    predecessor_missing,
)
from tandem_finance_posting.domain.cost_state import CostState
from tandem_finance_posting.domain.goods_aside import Stage
from tandem_finance_posting.domain.stock_moves import enter_pool

DISPOSITIONS = ("RESTOCK", "SCRAP", "REFURBISH", "VENDOR", "QUARANTINE", "KEEP")
"""What becomes of goods that came back. QUARANTINE leaves them on hold; KEEP: they never came."""
MOVED_ON = ("restock", "scrap", "refurb", "loss", "vendor")
"""Where the cost of goods goes when they leave the hold; together it is what they cost there."""


def _return_in(state: CostState, record: MoveRecord) -> Iterable[Stamp]:
    aside_key, quantity = record.aside_key(Stage.RETURNED), record.units()
    cost = _come_back(state, record, quantity)
    state.asides[aside_key] = state.aside(aside_key).put(quantity, cost)
    yield {**_names(state, record), "quantity": quantity, "cost": cost}


def _come_back(state: CostState, record: MoveRecord, quantity: int) -> int:
    line_key = record.line_key()
    issued = state.line(line_key)
    if not issued.can_return(quantity):
        raise predecessor_missing(f"shipment of line {line_key.line_ref} is not posted")
    state.lines[line_key], cost = issued.come_back(quantity)
    return cost


def _names(state: CostState, record: MoveRecord) -> Stamp:
    return {"sku": record.sku, "area": record.text("area"), "line_ref": record.name("line_ref"),
            "currency": state.currency.code(record.event)}  # fmt: skip


def _not_returned(state: CostState, record: MoveRecord) -> None:
    aside_key, line_key = record.aside_key(Stage.RETURNED), record.line_key()
    quantity, cost = record.units(), record.money("cost")
    state.asides[aside_key] = state.aside(aside_key).withdraw(quantity, cost)
    state.lines[line_key] = state.line(line_key).not_returned(quantity, cost)


def _dispose(state: CostState, record: MoveRecord) -> Iterable[Stamp]:
    yield _disposed(state, record, record.units())


def _disposed(state: CostState, record: MoveRecord, quantity: int) -> Stamp:
    aside_key, disposition = record.aside_key(Stage.RETURNED), record.name("disposition")
    if disposition not in DISPOSITIONS:
        raise record.invalid("disposition")
    on_hold = state.aside(aside_key)
    if quantity > on_hold.quantity:
        raise predecessor_missing(f"return of line {aside_key.line_ref} is not posted")
    left, cost = on_hold.take(quantity)
    parts = dict.fromkeys((*MOVED_ON, "hold"), 0)
    if disposition == "QUARANTINE":
        parts["hold"] = cost
    else:
        state.asides[aside_key] = left
        parts.update(_moved_on(state, record, quantity, cost))
    return {**_names(state, record), "quantity": quantity, "disposition": disposition, "cost": cost,
            **parts}  # fmt: skip


def _moved_on(state: CostState, record: MoveRecord, quantity: int, cost: int) -> dict[str, int]:
    disposition = record.name("disposition")
    if disposition == "RESTOCK":
        enter_pool(state, record.pool_key(), quantity, cost)
        return {"restock": cost}
    if disposition == "SCRAP":
        return {"scrap": cost}
    stage = Stage.REFURB if disposition == "REFURBISH" else Stage.VENDOR
    kept = _recoverable(state, record, cost) if stage is Stage.REFURB else cost
    aside_key = record.aside_key(stage)
    state.asides[aside_key] = state.aside(aside_key).put(quantity, kept)
    if stage is Stage.REFURB:
        return {"refurb": kept, "loss": cost - kept}
    return {"vendor": cost}


def _recoverable(state: CostState, record: MoveRecord, cost: int) -> int:
    """Not above cost: a return earns nothing."""
    value = state.currency.worth(record.event, record.money("recoverable"))
    if value > cost:
        raise record.invalid("recoverable")
    return value


def _not_disposed(state: CostState, record: MoveRecord) -> None:
    aside_key, disposition = record.aside_key(Stage.RETURNED), record.name("disposition")
    # Not "cost": goods of one line on hold share their cost, so what moved on may differ from what
    # came in by a rounding.
    quantity, cost = record.units(), sum(record.money(part) for part in MOVED_ON)
    if disposition == "QUARANTINE":
        return
    if disposition == "RESTOCK":
        key = record.pool_key()
        state.pools[key] = state.pool(key).withdraw(quantity, cost)
    elif disposition != "SCRAP":
        stage, kept = (Stage.REFURB, "refurb") if disposition == "REFURBISH" else (
            Stage.VENDOR, "vendor")  # fmt: skip
        moved = record.aside_key(stage)
        state.asides[moved] = state.aside(moved).withdraw(quantity, record.money(kept))
    state.asides[aside_key] = state.aside(aside_key).untake(quantity, cost)


def _return_and_dispose(state: CostState, record: MoveRecord) -> Iterable[Stamp]:
    """Both steps of a refund that brings its goods; goods the customer keeps move nothing."""
    if record.name("disposition") == "KEEP":
        return
    (returned,) = _return_in(state, record)
    yield {**_disposed(state, record, returned["quantity"]), "cost": returned["cost"]}


def _not_returned_and_disposed(state: CostState, record: MoveRecord) -> None:
    _not_disposed(state, record)
    _not_returned(state, record)


def _keep(state: CostState, record: MoveRecord) -> Iterable[Stamp]:
    """Units the customer keeps; with ``reclass`` their cost is shown as a loss on returns, and
    they cannot come back as well."""
    if record.text("reclass", "no") == "yes":
        quantity = record.units()
        cost = _come_back(state, record, quantity)
        yield {**_names(state, record), "quantity": quantity, "cost": cost}


def _not_kept(state: CostState, record: MoveRecord) -> None:
    line_key = record.line_key()
    kept = state.line(line_key)
    state.lines[line_key] = kept.not_returned(record.units(), record.money("cost"))


def _line_only(record: MoveRecord) -> Touched:
    return Touched(lines=(record.line_key(),))


def _touches_return(record: MoveRecord) -> Touched:
    return Touched(asides=(record.aside_key(Stage.RETURNED),), lines=(record.line_key(),))


def _touches_dispose(record: MoveRecord) -> Touched:
    hold = (record.aside_key(Stage.RETURNED),)
    onward = {"REFURBISH": Stage.REFURB, "VENDOR": Stage.VENDOR}.get(record.text("disposition"))
    there = (record.aside_key(onward),) if onward else ()
    pools = (record.pool_key(),) if record.text("disposition") == "RESTOCK" else ()
    return Touched(pools=pools, asides=hold + there, taken_from=hold)


def _touches_both(record: MoveRecord) -> Touched:
    if record.text("disposition") == "KEEP":
        return Touched()
    disposed = _touches_dispose(record)
    return Touched(disposed.pools, disposed.asides, lines=(record.line_key(),))


RETURN_MOVES = {
    "keep": Move(_line_only, _keep, _not_kept, returns=True),
    "return_in": Move(_touches_return, _return_in, _not_returned, returns=True),
    "dispose": Move(_touches_dispose, _dispose, _not_disposed, returns=True),
    "return_in_and_dispose": Move(
        _touches_both, _return_and_dispose, _not_returned_and_disposed, returns=True
    ),
}
