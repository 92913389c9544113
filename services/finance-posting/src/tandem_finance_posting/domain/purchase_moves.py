"""Moves of what goods turned out to cost: invoices, credit notes, freight and duty.

A difference reaches only the units of the receipt that are still in their pool; the share of those
that have left is a price variance (never spread over goods of other receipts).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from tandem_finance_posting.domain.cost_move import (
    Move,
    MoveRecord,
    Stamp,
    Touched,
    predecessor_missing,
)
from tandem_finance_posting.domain.cost_pool import rounded_share
from tandem_finance_posting.domain.cost_state import CostState, PoolKey
from tandem_finance_posting.domain.goods_receipt import ALLOCATION_KEYS, Receipt, ReceiptLine


def _known(state: CostState, record: MoveRecord) -> Receipt:
    receipt = state.receipts.get(record.receipt_key())
    if receipt is None or not receipt.lines:
        raise predecessor_missing(f"receipt {record.name('receipt_ref')} is not posted")
    return receipt


def _line(state: CostState, record: MoveRecord) -> tuple[Receipt, ReceiptLine]:
    receipt = _known(state, record)
    if record.sku not in receipt.lines:
        raise predecessor_missing(
            f"receipt {record.name('receipt_ref')} of {record.sku} is not posted"
        )
    return receipt, receipt.lines[record.sku]


def _to_stock(
    state: CostState, record: MoveRecord, item: tuple[str, ReceiptLine], change: int
) -> tuple[int, int]:
    """The share of a cost difference that the units still here carry, and what it is worth on
    their pool."""
    sku, line = item
    key, receipt_ref = record.pool_key(sku)._replace(area=line.area), record.name("receipt_ref")
    pool = state.pool(key)
    share = rounded_share(change, min(pool.left_of(receipt_ref), line.quantity), line.quantity)
    value, least = state.currency.worth(record.event, share), pool.least_change(receipt_ref)
    if value < least:
        # A credit never makes goods worth less than nothing.
        share, value = share * least // value, least
    if value:
        state.pools[key] = pool.worth_more(value, receipt_ref)
    return share, value


def _off_stock(state: CostState, record: MoveRecord) -> None:
    """Takes a difference off the pool again. Raises ValueError when its units have left."""
    key, change = record.pool_key(), record.number("value")
    if change:
        state.pools[key] = state.pool(key).worth_more(-change, record.name("receipt_ref"))


def _names(record: MoveRecord, sku: str, line: ReceiptLine) -> Stamp:
    return {"sku": sku, "area": line.area, "receipt_ref": record.name("receipt_ref")}


def _invoice(state: CostState, record: MoveRecord) -> Iterable[Stamp]:
    (receipt, line), quantity, cost = _line(state, record), record.units(), record.money("cost")
    if line.invoiced_quantity + quantity > line.quantity:
        raise predecessor_missing(
            f"{record.sku}: {line.invoiced_quantity + quantity} units of receipt "
            f"{record.name('receipt_ref')} invoiced, {line.quantity} received"
        )
    after, expected = line.invoiced(quantity)
    state.receipts[record.receipt_key()] = receipt.with_line(record.sku, after)
    to_stock, value = _to_stock(state, record, (record.sku, line), cost - expected)
    yield {**_names(record, record.sku, line), "quantity": quantity, "cost": cost,
           "expected": expected, "to_stock": to_stock, "value": value}  # fmt: skip


def _posted_line(state: CostState, record: MoveRecord) -> tuple[Receipt, ReceiptLine]:
    """The line an invoice was for. Raises ValueError when its receipt was taken back."""
    receipt = state.receipts.get(record.receipt_key(), Receipt())
    if record.sku not in receipt.lines:
        raise ValueError(f"receipt {record.name('receipt_ref')} of {record.sku} is gone")
    return receipt, receipt.lines[record.sku]


def _not_invoiced(state: CostState, record: MoveRecord) -> None:
    receipt, known = _posted_line(state, record)
    line = known.not_invoiced(record.units(), record.money("expected"))
    state.receipts[record.receipt_key()] = receipt.with_line(record.sku, line)
    _off_stock(state, record)


def _credit_note(state: CostState, record: MoveRecord) -> Iterable[Stamp]:
    (_, line), cost = _line(state, record), record.money("cost")
    to_stock, value = _to_stock(state, record, (record.sku, line), -cost)
    yield {**_names(record, record.sku, line), "cost": cost, "to_stock": to_stock, "value": value}


def _landed_estimate(state: CostState, record: MoveRecord) -> Iterable[Stamp]:
    for sku, line, share in _allocated(state, record):
        _set_landed(state, record, sku, line.landed + share)
        to_stock, value = _to_stock(state, record, (sku, line), share)
        yield {**_names(record, sku, line), "cost": share, "to_stock": to_stock, "value": value}


def _not_estimated(state: CostState, record: MoveRecord) -> None:
    _, line = _posted_line(state, record)
    left = line.landed - record.money("cost")
    if left < 0:
        raise ValueError(f"landed cost of {record.sku} is invoiced")
    _set_landed(state, record, record.sku, left)
    _off_stock(state, record)


def _landed_invoice(state: CostState, record: MoveRecord) -> Iterable[Stamp]:
    """Clears the whole estimate, or with ``more_to_come`` no more than is invoiced."""
    for sku, line, share in _allocated(state, record):
        more = record.text("more_to_come", "no") == "yes"
        estimate = min(line.landed, share) if more else line.landed
        _set_landed(state, record, sku, line.landed - estimate)
        to_stock, value = _to_stock(state, record, (sku, line), share - estimate)
        yield {**_names(record, sku, line), "cost": share, "estimate": estimate,
               "to_stock": to_stock, "value": value}  # fmt: skip


def _not_landed(state: CostState, record: MoveRecord) -> None:
    _, line = _posted_line(state, record)
    _set_landed(state, record, record.sku, line.landed + record.money("estimate"))
    _off_stock(state, record)


def _allocated(state: CostState, record: MoveRecord) -> Iterable[tuple[str, ReceiptLine, int]]:
    key, receipt = record.text("key", "value"), _known(state, record)
    if key not in ALLOCATION_KEYS:
        raise record.invalid("key")
    try:
        shares = receipt.allocated(record.money("cost"), key)
    except ValueError:
        # No line has that measure: a receipt without weights cannot be divided by weight.
        raise record.invalid("key") from None
    return [(sku, line, shares[sku]) for sku, line in receipt.lines.items()]


def _set_landed(state: CostState, record: MoveRecord, sku: str, landed: int) -> None:
    receipt = state.receipts[record.receipt_key()]
    line = replace(receipt.lines[sku], landed=landed)
    state.receipts[record.receipt_key()] = receipt.with_line(sku, line)


def _touches(record: MoveRecord) -> Touched:
    """The pools of its lines are known once it is loaded; see ``receipt_pools``."""
    return Touched(receipts=(record.receipt_key(),))


def receipt_pools(tenant: str, legal_entity: str, receipt: Receipt) -> Iterable[PoolKey]:
    """The pools the goods of a receipt went to."""
    for sku, line in receipt.lines.items():
        yield PoolKey(tenant, legal_entity, line.area, sku)


PURCHASE_MOVES = {
    "invoice": Move(_touches, _invoice, _not_invoiced, waits=True, blocks=True),
    "credit_note": Move(_touches, _credit_note, _off_stock, waits=True, blocks=True),
    "landed_estimate": Move(_touches, _landed_estimate, _not_estimated, waits=True, blocks=True),
    "landed_invoice": Move(_touches, _landed_invoice, _not_landed, waits=True, blocks=True),
}
