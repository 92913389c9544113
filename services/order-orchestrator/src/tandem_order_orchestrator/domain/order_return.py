"""Goods and money come back. Stock follows the disposition, money the approved amounts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from tandem_core.errors import FieldViolation, ValidationFailed
from tandem_core.ids import deterministic_id

from tandem_order_orchestrator.domain.amount_shares import line_share
from tandem_order_orchestrator.domain.draft import ExternalRef
from tandem_order_orchestrator.domain.errors import ReportTooEarly
from tandem_order_orchestrator.domain.events import OrderEvent, ReturnApproved
from tandem_order_orchestrator.domain.order import Change, Order, changed, unchanged
from tandem_order_orchestrator.domain.order_parts import OrderLine, Return, ReturnLine
from tandem_order_orchestrator.domain.order_state import (
    Disposition,
    FulfilmentState,
    OrderKind,
    ReturnState,
)
from tandem_order_orchestrator.domain.refunds import refund_due, refunded_over_the_counter


@dataclass(frozen=True)
class ReturnRequestLine:
    """Units of a line to take back; amounts None for the line's own share."""

    line_ref: str
    quantity: int
    disposition: Disposition
    net_amount: int | None = None
    tax_amount: int | None = None
    location: str = ""


@dataclass(frozen=True)
class ReturnRequest:
    """A return as asked for."""

    external_ref: ExternalRef
    lines: tuple[ReturnRequestLine, ...]
    shipping_amount: int = 0
    shipping_tax_amount: int = 0


def return_id(order: Order, ref: ExternalRef) -> str:
    """The same external return of an order always has the same id."""
    return deterministic_id("return", order.id, ref.system, ref.type, ref.id)


def approve_return(order: Order, request: ReturnRequest, now: datetime) -> Change:
    """Approves a return once per external reference.

    Raises OrderLineQuantity beyond what was shipped, RefundExceedsCapture beyond what was taken,
    ReportTooEarly for an order of which nothing was shipped.
    """
    known = return_id(order, request.external_ref)
    if any(item.id == known for item in order.returns):
        return unchanged(order)
    if not any(line.quantities.shipped for line in order.lines):
        raise ReportTooEarly(order.id, order.state.value, "return")
    _check_lines_once(request)
    lines = tuple(_approved_line(order, line) for line in request.lines)
    approved = _approved(order, request, lines, now)
    payment = order.payment
    dues: tuple[OrderEvent, ...] = ()
    if order.kind is OrderKind.STORE_SALE:
        payment = refunded_over_the_counter(order, approved.refund_amount)
        approved = replace(approved, state=ReturnState.SETTLED)
    elif approved.refund_amount == 0:
        # The provider is not asked for nothing.
        approved = replace(approved, state=ReturnState.SETTLED)
    else:
        payment, due = refund_due(order, approved.id, approved.refund_amount)
        dues = (due,)
    return changed(
        order,
        now,
        _event(order, approved),
        *dues,
        lines=_given_back(order, lines),
        returns=(*order.returns, approved),
        payment=payment,
    )


def _check_lines_once(request: ReturnRequest) -> None:
    refs = [line.line_ref for line in request.lines]
    if len(set(refs)) != len(refs):
        # Each share starts at what was returned before; two shares of one line would overlap.
        raise ValidationFailed([FieldViolation("lines", "names a line twice", "lines.unique")])


def _approved(
    order: Order, request: ReturnRequest, lines: tuple[ReturnLine, ...], now: datetime
) -> Return:
    amount = sum(line.net_amount + line.tax_amount for line in lines)
    amount += request.shipping_amount + request.shipping_tax_amount
    return Return(
        id=return_id(order, request.external_ref),
        external_ref=request.external_ref,
        lines=lines,
        refund_amount=amount,
        approved_at=now,
        shipping_amount=request.shipping_amount,
        shipping_tax_amount=request.shipping_tax_amount,
    )


def _approved_line(order: Order, asked: ReturnRequestLine) -> ReturnLine:
    line = order.line(asked.line_ref)
    own = line_share(line.draft, line.quantities.returned, asked.quantity)
    tax = sum(t.amount for t in own.taxes)
    net = own.list_amount - own.discount_amount - own.funded_discount_amount
    return ReturnLine(
        line_ref=asked.line_ref,
        quantity=asked.quantity,
        net_amount=net if asked.net_amount is None else asked.net_amount,
        tax_amount=tax if asked.tax_amount is None else asked.tax_amount,
        disposition=asked.disposition,
        location=asked.location or left_from(order, asked.line_ref),
    )


def left_from(order: Order, line_ref: str) -> str:
    """Location the line's goods left; empty when they never did."""
    for item in order.fulfilments:
        held = any(line.line_ref == line_ref for line in item.lines)
        if held and item.state is FulfilmentState.SHIPPED:
            return item.location
    return ""


def _given_back(order: Order, lines: Sequence[ReturnLine]) -> tuple[OrderLine, ...]:
    result = {line.draft.line_ref: line for line in order.lines}
    for item in lines:
        line = result[item.line_ref]
        back = line.quantities.give_back(item.line_ref, item.quantity)
        result[item.line_ref] = replace(line, quantities=back)
    return tuple(result.values())


def _event(order: Order, approved: Return) -> ReturnApproved:
    skus = tuple(order.line(line.line_ref).draft.sku for line in approved.lines)
    refs = tuple(f.shipment_ref for f in order.fulfilments if f.shipment_ref)
    return ReturnApproved(approved, skus, refs)
