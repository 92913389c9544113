"""Moves of goods aside towards their end: repair, and back to the vendor."""

from __future__ import annotations

from collections.abc import Iterable

from tandem_finance_posting.domain.cost_move import (
    Move,
    MoveRecord,
    Stamp,
    Touched,
    predecessor_missing,
)
from tandem_finance_posting.domain.cost_state import AsideKey, CostState, PoolKey
from tandem_finance_posting.domain.goods_aside import Stage
from tandem_finance_posting.domain.stock_moves import back_to_pool, enter_pool, leave_pool


def _taken(state: CostState, key: AsideKey, quantity: int) -> int:
    goods = state.aside(key)
    if quantity > goods.quantity:
        raise predecessor_missing(
            f"{quantity} units of line {key.line_ref} of {key.ref} are not posted as {key.stage}"
        )
    state.asides[key], cost = goods.take(quantity)
    return cost


def _refurb_work(state: CostState, record: MoveRecord) -> Iterable[Stamp]:
    """Work known only when the goods have left the repair is a loss on the return."""
    key = record.aside_key(Stage.REFURB)
    cost, goods = state.currency.worth(record.event, record.money("cost")), state.aside(key)
    if not goods.quantity and not goods.gone:
        raise predecessor_missing(f"line {key.line_ref} of {key.ref} is not in repair")
    late = not goods.quantity
    if not late:
        state.asides[key] = goods.put(0, cost)
    yield {"sku": record.sku, "line_ref": key.line_ref, "cost": 0 if late else cost,
           "loss": cost if late else 0, "currency": state.currency.code(record.event)}  # fmt: skip


def _not_worked(state: CostState, record: MoveRecord) -> None:
    key, cost = record.aside_key(Stage.REFURB), record.money("cost")
    goods = state.aside(key)
    if cost and not goods.quantity:
        raise ValueError(f"line {key.line_ref} of {key.ref} has left the repair")
    state.asides[key] = goods.withdraw(0, cost)


def _refurb_done(state: CostState, record: MoveRecord) -> Iterable[Stamp]:
    key, quantity = record.aside_key(Stage.REFURB), record.units()
    cost = _taken(state, key, quantity)
    enter_pool(state, _refurb_pool(record), quantity, cost)
    yield {"sku": record.name("refurb_sku"), "refurb_sku": record.name("refurb_sku"),
           "area": record.text("area"), "line_ref": key.line_ref, "quantity": quantity,
           "cost": cost, "currency": state.currency.code(record.event)}  # fmt: skip


def _refurb_pool(record: MoveRecord) -> PoolKey:
    return record.pool_key(record.name("refurb_sku"))


def _not_refurbished(state: CostState, record: MoveRecord) -> None:
    key, pool = record.aside_key(Stage.REFURB), _refurb_pool(record)
    quantity, cost = record.units(), record.money("cost")
    state.pools[pool] = state.pool(pool).withdraw(quantity, cost)
    state.asides[key] = state.aside(key).untake(quantity, cost)


def _vendor_key(record: MoveRecord) -> AsideKey:
    """Goods a customer brought back go by order line, goods from stock by the vendor return."""
    ref = record.text("rtv_ref")
    if ref:
        return record.aside_key(Stage.VENDOR, ref, record.text("line_ref") or record.sku)
    return record.aside_key(Stage.VENDOR)


def _vendor_pick(state: CostState, record: MoveRecord) -> Iterable[Stamp]:
    key, quantity = _vendor_key(record), record.units()
    cost, layers = leave_pool(state, record.pool_key(), quantity)
    state.asides[key] = state.aside(key).put(quantity, cost)
    names = {name: record.text(name) for name in ("sku", "area", "rtv_ref", "line_ref")}
    yield {**names, "quantity": quantity, "cost": cost, "layers": layers,
           "currency": state.currency.code(record.event)}  # fmt: skip


def _not_picked(state: CostState, record: MoveRecord) -> None:
    key, quantity, cost = _vendor_key(record), record.units(), record.money("cost")
    state.asides[key] = state.aside(key).withdraw(quantity, cost)
    back_to_pool(state, record, quantity, cost)


def _vendor_ship(state: CostState, record: MoveRecord) -> Iterable[Stamp]:
    key, quantity = _vendor_key(record), record.units()
    credit = state.currency.worth(record.event, record.money("credit"))
    cost = _taken(state, key, quantity)
    yield {"sku": record.sku, "rtv_ref": record.text("rtv_ref"), "quantity": quantity,
           "line_ref": record.text("line_ref"), "cost": cost, "credit": credit,
           "currency": state.currency.code(record.event)}  # fmt: skip


def _not_vendor_shipped(state: CostState, record: MoveRecord) -> None:
    key = _vendor_key(record)
    state.asides[key] = state.aside(key).untake(record.units(), record.money("cost"))


def _touches_repair(record: MoveRecord) -> Touched:
    repair = (record.aside_key(Stage.REFURB),)
    return Touched(asides=repair, taken_from=repair)


def _touches_done(record: MoveRecord) -> Touched:
    repair = (record.aside_key(Stage.REFURB),)
    return Touched(pools=(_refurb_pool(record),), asides=repair, taken_from=repair)


def _touches_pick(record: MoveRecord) -> Touched:
    return Touched(pools=(record.pool_key(),), asides=(_vendor_key(record),))


def _touches_vendor(record: MoveRecord) -> Touched:
    goods = (_vendor_key(record),)
    return Touched(asides=goods, taken_from=goods)


ONWARD_MOVES = {
    "refurb_work": Move(_touches_repair, _refurb_work, _not_worked),
    "refurb_done": Move(_touches_done, _refurb_done, _not_refurbished),
    "vendor_pick": Move(_touches_pick, _vendor_pick, _not_picked, waits=True, blocks=True),
    "vendor_ship": Move(_touches_vendor, _vendor_ship, _not_vendor_shipped),
}
