"""Moves of value without goods: revaluation of a pool, write-down to what it can be sold for."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from tandem_finance_posting.domain.cost_move import (
    AMOUNT_MINOR_MAX,
    Move,
    MoveRecord,
    Stamp,
    Touched,
)
from tandem_finance_posting.domain.cost_pool import CostPool, rounded_share
from tandem_finance_posting.domain.cost_state import CostState


def _revalue(state: CostState, record: MoveRecord) -> Iterable[Stamp]:
    """``change`` is per unit. The quantity is the pool's in its sequence, not the document's."""
    key, change = record.pool_key(), record.number("change")
    pool = state.pool(key)
    value = state.currency.worth(record.event, pool.quantity * change)
    value = max(value, pool.least_change())
    if abs(value) > AMOUNT_MINOR_MAX:
        raise record.invalid("change")
    if value:
        state.pools[key] = pool.worth_more(value)
    yield {"sku": key.sku, "area": key.area, "quantity": pool.quantity, "value": value,
           "currency": state.currency.code(record.event)}  # fmt: skip


def _write_down(state: CostState, record: MoveRecord) -> Iterable[Stamp]:
    """The allowance as a formula: cost less what the units here can be sold for, each run posting
    the difference. The part for units sold since goes to their cost of sales; a rise in price is
    taken back only where the entity's standards allow it."""
    key, pool = record.pool_key(), state.pool(record.pool_key())
    nrv = state.currency.worth(record.event, record.money("nrv") * pool.quantity)
    target = max(0, pool.value - nrv)
    carried = _carried(pool)
    down, back = max(0, target - carried), max(0, carried - target)
    back = back if state.policy.write_back(key.tenant, key.legal_entity) else 0
    state.pools[key] = replace(
        pool, allowance=carried + down - back, allowance_quantity=pool.quantity
    )
    yield {"sku": key.sku, "area": key.area, "quantity": pool.quantity, "write_down": down,
           "write_back": back, "released": pool.allowance - carried,
           "currency": state.currency.code(record.event)}  # fmt: skip


def _carried(pool: CostPool) -> int:
    """The allowance of the units that are still here."""
    if not pool.allowance_quantity:
        return 0
    here = min(pool.quantity, pool.allowance_quantity)
    return rounded_share(pool.allowance, here, pool.allowance_quantity)


def _never(_: CostState, record: MoveRecord) -> None:
    """An estimate is trued up by the next run, never taken back singly (RV4)."""
    raise ValueError(f"{record.event.type} is trued up by the next run, not reversed")


def _pool(record: MoveRecord) -> Touched:
    return Touched(pools=(record.pool_key(),))


VALUE_MOVES = {
    "revalue": Move(_pool, _revalue, _never, waits=True, blocks=True),
    "write_down": Move(_pool, _write_down, _never, waits=True, blocks=True),
}
