"""Moves between the outside and the pools: receipts, issues, deliveries, counts."""

from __future__ import annotations

import json
from collections.abc import Iterable

from tandem_finance_posting.domain.cost_move import (
    QUANTITY_MAX,
    Move,
    MoveRecord,
    Stamp,
    Touched,
    cost_missing,
    predecessor_missing,
)
from tandem_finance_posting.domain.cost_pool import Layer
from tandem_finance_posting.domain.cost_state import CostState, PoolKey
from tandem_finance_posting.domain.goods_aside import Stage
from tandem_finance_posting.domain.goods_receipt import Receipt, ReceiptLine

_COMPACT = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False)


def leave_pool(state: CostState, key: PoolKey, quantity: int) -> tuple[int, str]:
    """Takes units out of a pool and gives their cost, and as a text the receipts they are of, by
    which they could be put back. Raises MoveWaits when there are too few."""
    pool = state.pool(key)
    if not pool.can_issue(quantity):
        raise cost_missing(f"{key.sku}: {quantity} units have no received cost")
    layers = [[x.receipt_ref, x.quantity, x.value] for x in pool.oldest(quantity)]
    state.pools[key], cost = pool.issue(quantity)
    return cost, _COMPACT.encode(layers)


def back_to_pool(state: CostState, record: MoveRecord, quantity: int, cost: int) -> None:
    """Undoes ``leave_pool``."""
    layers = [Layer(*layer) for layer in json.loads(record.text("layers") or "[]")]
    key = record.pool_key()
    state.pools[key] = state.pool(key).put_back(quantity, cost, layers)


def enter_pool(state: CostState, key: PoolKey, quantity: int, cost: int) -> None:
    """Puts units into a pool at their cost."""
    state.pools[key] = state.pool(key).receive(quantity, cost)


def _receive(state: CostState, record: MoveRecord) -> Iterable[Stamp]:
    key, quantity, cost = record.pool_key(), record.units(), record.money("cost")
    receipt_ref = record.text("receipt_ref")
    value = state.currency.worth(record.event, cost)
    state.pools[key] = state.pool(key).receive(quantity, value, receipt_ref)
    if receipt_ref:
        _remember(state, record, ReceiptLine(key.area, quantity, cost, record.money("weight")))
    yield {"sku": key.sku, "area": key.area, "quantity": quantity, "cost": cost,
           "receipt_ref": receipt_ref, "value": value}  # fmt: skip


def _remember(state: CostState, record: MoveRecord, arrived: ReceiptLine) -> None:
    receipt_key = record.receipt_key()
    receipt = state.receipts.get(receipt_key, Receipt())
    known = receipt.lines.get(record.sku)
    if known is not None and known.area != arrived.area:
        raise record.invalid("area")
    state.receipts[receipt_key] = receipt.received(record.sku, arrived)


def _not_received(state: CostState, record: MoveRecord) -> None:
    key, quantity, cost = record.pool_key(), record.units(), record.money("cost")
    receipt_ref = record.text("receipt_ref")
    if receipt_ref:
        receipt = state.receipts.get(record.receipt_key(), Receipt())
        line = receipt.lines.get(key.sku)
        if line is None or line.invoiced_quantity or line.landed:
            raise ValueError(f"receipt {receipt_ref} of {key.sku} is invoiced or unknown")
        arrived = ReceiptLine(key.area, -quantity, -cost, -record.money("weight"))
        state.receipts[record.receipt_key()] = receipt.received(key.sku, arrived)
    value = record.money("value") or state.currency.worth(record.event, cost)
    state.pools[key] = state.pool(key).withdraw(quantity, value, receipt_ref)


def _issue(state: CostState, record: MoveRecord) -> Iterable[Stamp]:
    """Nothing when another entity ships: the goods leave its books, with ``interco``."""
    if record.text("shipper") not in ("", record.event.legal_entity):
        return
    yield from _issue_own(state, record)


def _issue_own(state: CostState, record: MoveRecord) -> Iterable[Stamp]:
    key, quantity, line_key = record.pool_key(), record.units(), record.line_key()
    cost, layers = leave_pool(state, key, quantity)
    state.lines[line_key] = state.line(line_key).issued(quantity, cost)
    yield {**_issued(state, record, quantity, cost), "layers": layers}


def _issued(state: CostState, record: MoveRecord, quantity: int, cost: int) -> Stamp:
    return {"sku": record.sku, "area": record.text("area"), "line_ref": record.name("line_ref"),
            "quantity": quantity, "cost": cost,
            "currency": state.currency.code(record.event)}  # fmt: skip


def _not_issued(state: CostState, record: MoveRecord) -> None:
    quantity, cost, line_key = record.units(), record.money("cost"), record.line_key()
    state.lines[line_key] = state.line(line_key).not_issued(quantity, cost)
    back_to_pool(state, record, quantity, cost)


def _ship(state: CostState, record: MoveRecord) -> Iterable[Stamp]:
    """Sold at once, or on the way to the door where control passes at delivery."""
    event = record.event
    shipper = record.text("shipper") or event.legal_entity
    if shipper != event.legal_entity or not state.policy.at_delivery(event.tenant, shipper):
        yield from _issue(state, record)
        return
    key, quantity, aside_key = record.pool_key(), record.units(), record.aside_key(Stage.CUSTOMER)
    cost, layers = leave_pool(state, key, quantity)
    state.asides[aside_key] = state.aside(aside_key).put(quantity, cost)
    issued = _issued(state, record, quantity, cost)
    yield {**issued, "layers": layers, "stage": Stage.CUSTOMER.value}


def _not_shipped(state: CostState, record: MoveRecord) -> None:
    if record.text("stage") != Stage.CUSTOMER:
        _not_issued(state, record)
        return
    aside_key = record.aside_key(Stage.CUSTOMER)
    quantity, cost = record.units(), record.money("cost")
    state.asides[aside_key] = state.aside(aside_key).withdraw(quantity, cost)
    back_to_pool(state, record, quantity, cost)


def _deliver(state: CostState, record: MoveRecord) -> Iterable[Stamp]:
    """Nothing where control had passed when the goods left."""
    event = record.event
    shipper = record.text("shipper") or event.legal_entity
    if shipper != event.legal_entity or not state.policy.at_delivery(event.tenant, shipper):
        return
    aside_key, line_key = record.aside_key(Stage.CUSTOMER), record.line_key()
    quantity, aside = record.units(), state.aside(aside_key)
    if quantity > aside.quantity:
        raise predecessor_missing(f"shipment of line {line_key.line_ref} is not posted")
    state.asides[aside_key], cost = aside.take(quantity)
    state.lines[line_key] = state.line(line_key).issued(quantity, cost)
    yield _issued(state, record, quantity, cost)


def _not_delivered(state: CostState, record: MoveRecord) -> None:
    aside_key, line_key = record.aside_key(Stage.CUSTOMER), record.line_key()
    quantity, cost = record.units(), record.money("cost")
    state.lines[line_key] = state.line(line_key).not_issued(quantity, cost)
    state.asides[aside_key] = state.aside(aside_key).untake(quantity, cost)


def _adjust(state: CostState, record: MoveRecord) -> Iterable[Stamp]:
    """Found units come in at what the pool's are worth; into an empty one at the cost given."""
    key, delta = record.pool_key(), record.number("delta")
    if not 0 < abs(delta) <= QUANTITY_MAX:
        raise record.invalid("delta")
    layers = ""
    if delta < 0:
        cost, layers = leave_pool(state, key, -delta)
        value = -cost
    else:
        pool, stated = state.pool(key), record.money("cost")
        if not pool.quantity and not stated:
            raise cost_missing(f"{key.sku}: {delta} units found and no cost to count them at")
        value = pool.worth(delta)
        if not pool.quantity:
            value = state.currency.worth(record.event, stated)
        enter_pool(state, key, delta, value)
    yield {"sku": key.sku, "area": key.area, "delta": delta, "value": value, "layers": layers,
           "currency": state.currency.code(record.event)}  # fmt: skip


def _not_adjusted(state: CostState, record: MoveRecord) -> None:
    key, delta, value = record.pool_key(), record.number("delta"), record.number("value")
    if delta < 0:
        back_to_pool(state, record, -delta, -value)
    else:
        state.pools[key] = state.pool(key).withdraw(delta, value)


def _pool(record: MoveRecord) -> Touched:
    return Touched(pools=(record.pool_key(),))


def _received_pool(record: MoveRecord) -> Touched:
    receipts = (record.receipt_key(),) if record.text("receipt_ref") else ()
    return Touched(pools=(record.pool_key(),), receipts=receipts)


def _pool_and_line(record: MoveRecord) -> Touched:
    return Touched(pools=(record.pool_key(),), lines=(record.line_key(),))


def _pool_line_and_door(record: MoveRecord) -> Touched:
    door = (record.aside_key(Stage.CUSTOMER),)
    return Touched(pools=(record.pool_key(),), asides=door, lines=(record.line_key(),))


def _door_and_line(record: MoveRecord) -> Touched:
    door = (record.aside_key(Stage.CUSTOMER),)
    return Touched(asides=door, taken_from=door, lines=(record.line_key(),))


STOCK_MOVES = {
    "receive": Move(_received_pool, _receive, _not_received, blocks=True),
    "issue": Move(_pool_and_line, _issue, _not_issued, waits=True, blocks=True),
    "interco": Move(_pool_and_line, _issue_own, _not_issued, waits=True, blocks=True),
    "ship": Move(_pool_line_and_door, _ship, _not_shipped, waits=True, blocks=True),
    "deliver": Move(_door_and_line, _deliver, _not_delivered),
    "adjust": Move(_pool, _adjust, _not_adjusted, waits=True, blocks=True),
}
