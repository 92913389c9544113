"""Moves between valuation areas: goods leave one, are nobody's stock, and arrive or are lost."""

from __future__ import annotations

from collections.abc import Iterable

from tandem_finance_posting.domain.cost_move import (
    Move,
    MoveRecord,
    Stamp,
    Touched,
    predecessor_missing,
)
from tandem_finance_posting.domain.cost_state import AsideKey, CostState
from tandem_finance_posting.domain.goods_aside import Stage
from tandem_finance_posting.domain.stock_moves import back_to_pool, enter_pool, leave_pool


def _transit(record: MoveRecord) -> AsideKey:
    return record.aside_key(
        Stage.TRANSIT, record.name("transfer_ref"), record.text("line_ref") or record.sku
    )


def _stamp(state: CostState, record: MoveRecord, quantity: int, cost: int) -> Stamp:
    names = ("sku", "area", "line_ref", "transfer_ref")
    texts = {name: record.text(name) for name in names}
    currency = state.currency.code(record.event)
    return {**texts, "quantity": quantity, "cost": cost, "currency": currency}


def _out(state: CostState, record: MoveRecord) -> Iterable[Stamp]:
    transit, quantity = _transit(record), record.units()
    cost, layers = leave_pool(state, record.pool_key(), quantity)
    state.asides[transit] = state.aside(transit).put(quantity, cost)
    yield {**_stamp(state, record, quantity, cost), "layers": layers}


def _not_out(state: CostState, record: MoveRecord) -> None:
    transit, quantity, cost = _transit(record), record.units(), record.money("cost")
    state.asides[transit] = state.aside(transit).withdraw(quantity, cost)
    back_to_pool(state, record, quantity, cost)


def _in(state: CostState, record: MoveRecord) -> Iterable[Stamp]:
    transit, quantity = _transit(record), record.units()
    on_the_way = state.aside(transit)
    if quantity > on_the_way.quantity:
        raise predecessor_missing(
            f"{record.sku}: {quantity} units of transfer {transit.ref} are not posted as shipped"
        )
    state.asides[transit], cost = on_the_way.take(quantity)
    enter_pool(state, record.pool_key(), quantity, cost)
    yield _stamp(state, record, quantity, cost)


def _not_in(state: CostState, record: MoveRecord) -> None:
    transit, key = _transit(record), record.pool_key()
    quantity, cost = record.units(), record.money("cost")
    state.pools[key] = state.pool(key).withdraw(quantity, cost)
    state.asides[transit] = state.aside(transit).untake(quantity, cost)


def _lost(state: CostState, record: MoveRecord) -> Iterable[Stamp]:
    """Without a quantity everything that has not arrived."""
    transit = _transit(record)
    on_the_way = state.aside(transit)
    quantity = record.units() if record.given("quantity") else on_the_way.quantity
    if not quantity or quantity > on_the_way.quantity:
        raise predecessor_missing(f"{record.sku}: nothing of transfer {transit.ref} is on the way")
    state.asides[transit], cost = on_the_way.take(quantity)
    yield _stamp(state, record, quantity, cost)


def _not_lost(state: CostState, record: MoveRecord) -> None:
    transit = _transit(record)
    state.asides[transit] = state.aside(transit).untake(record.units(), record.money("cost"))


def _touches_out(record: MoveRecord) -> Touched:
    return Touched(pools=(record.pool_key(),), asides=(_transit(record),))


def _touches_in(record: MoveRecord) -> Touched:
    transit = (_transit(record),)
    return Touched(pools=(record.pool_key(),), asides=transit, taken_from=transit)


def _touches_lost(record: MoveRecord) -> Touched:
    transit = (_transit(record),)
    return Touched(asides=transit, taken_from=transit)


TRANSFER_MOVES = {
    "transfer_out": Move(_touches_out, _out, _not_out, waits=True, blocks=True),
    "transfer_in": Move(_touches_in, _in, _not_in),
    "transfer_lost": Move(_touches_lost, _lost, _not_lost),
}
