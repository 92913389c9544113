"""Goods leave a location. From here on there is no undo, only a return."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from tandem_core.ids import deterministic_id

from tandem_order_orchestrator.domain.amount_shares import line_share
from tandem_order_orchestrator.domain.draft import DraftLine
from tandem_order_orchestrator.domain.errors import OrderLineQuantity, ReportTooEarly
from tandem_order_orchestrator.domain.events import FulfilmentShipped
from tandem_order_orchestrator.domain.order import Change, Order, changed, move_lines, unchanged
from tandem_order_orchestrator.domain.order_parts import Fulfilment, FulfilmentLine
from tandem_order_orchestrator.domain.order_state import FulfilmentState, OrderState


@dataclass(frozen=True)
class ShipmentConfirmation:
    """A location says goods left. Quantities by line or by SKU; both empty: all it was given."""

    location: str
    shipment_ref: str
    shipped_at: datetime
    by_line: Mapping[str, int] = field(default_factory=dict)
    by_sku: Mapping[str, int] = field(default_factory=dict)
    tracking_number: str = ""


WAITING_STATES = (OrderState.ACCEPTED, OrderState.RESERVED)


def ship(order: Order, confirmation: ShipmentConfirmation, now: datetime) -> Change:
    """Books a shipment once per reference.

    Raises ReportTooEarly before the order is released, OrderStateError when nothing is to ship,
    OrderLineQuantity when more left than was given to the location.
    """
    if any(f.shipment_ref == confirmation.shipment_ref for f in order.fulfilments):
        return unchanged(order)
    if order.state in WAITING_STATES:
        raise ReportTooEarly(order.id, order.state.value, "ship")
    fulfilment = _open_fulfilment(order, confirmation.location)
    quantities = _quantities(order, fulfilment, confirmation)
    shipped, rest = _split(fulfilment, quantities, confirmation)
    event = _shipped_event(order, shipped, quantities, confirmation)
    fulfilments = tuple(
        part
        for item in order.fulfilments
        for part in ((shipped, *rest) if item.id == fulfilment.id else (item,))
    )
    lines = move_lines(order, "released", "shipped", quantities)
    return changed(order, now, event, lines=lines, fulfilments=fulfilments)


def _open_fulfilment(order: Order, location: str) -> Fulfilment:
    for item in order.fulfilments:
        if item.location == location and item.state is FulfilmentState.RELEASED:
            return item
    raise order.refused("ship")


def _quantities(
    order: Order, fulfilment: Fulfilment, confirmation: ShipmentConfirmation
) -> dict[str, int]:
    given = {line.line_ref: line.quantity for line in fulfilment.lines}
    if confirmation.by_line:
        wanted = dict(confirmation.by_line)
    elif confirmation.by_sku:
        wanted = _by_sku(order, given, confirmation.by_sku)
    else:
        wanted = given
    for line_ref, quantity in wanted.items():
        if quantity > given.get(line_ref, 0):
            raise OrderLineQuantity(line_ref, quantity, given.get(line_ref, 0))
    return wanted


def _by_sku(order: Order, given: Mapping[str, int], by_sku: Mapping[str, int]) -> dict[str, int]:
    """Spreads SKU quantities over the lines in their order; a warehouse knows no order lines."""
    taken: dict[str, int] = {}
    for sku, quantity in by_sku.items():
        if quantity < 1:
            # A line that left nothing is not read as "all of it left".
            raise OrderLineQuantity(sku, quantity, 0, "lines.quantity")
        left = quantity
        for line_ref, open_units in given.items():
            if left and order.line(line_ref).draft.sku == sku:
                taken[line_ref] = min(left, open_units)
                left -= taken[line_ref]
        if left:
            raise OrderLineQuantity(sku, quantity, quantity - left, "lines.sku")
    return taken


def _split(
    fulfilment: Fulfilment, quantities: Mapping[str, int], confirmation: ShipmentConfirmation
) -> tuple[Fulfilment, tuple[Fulfilment, ...]]:
    """The part that left, and the part still to ship under a new id."""
    left = tuple(FulfilmentLine(ref, quantity) for ref, quantity in quantities.items())
    shipped = replace(
        fulfilment,
        lines=left,
        state=FulfilmentState.SHIPPED,
        shipment_ref=confirmation.shipment_ref,
        shipped_at=confirmation.shipped_at,
        tracking_number=confirmation.tracking_number,
    )
    rest = tuple(
        FulfilmentLine(line.line_ref, line.quantity - quantities.get(line.line_ref, 0))
        for line in fulfilment.lines
        if line.quantity > quantities.get(line.line_ref, 0)
    )
    if not rest:
        return shipped, ()
    return shipped, (
        replace(
            fulfilment,
            id=deterministic_id("fulfilment", fulfilment.id, confirmation.shipment_ref),
            lines=rest,
        ),
    )


def _shipped_event(
    order: Order,
    shipped: Fulfilment,
    quantities: Mapping[str, int],
    confirmation: ShipmentConfirmation,
) -> FulfilmentShipped:
    first = all(line.quantities.shipped == 0 for line in order.lines)
    return FulfilmentShipped(
        fulfilment_id=shipped.id,
        shipment_ref=confirmation.shipment_ref,
        location=confirmation.location,
        shipped_at=confirmation.shipped_at,
        lines=tuple(_share(order, ref, quantity) for ref, quantity in quantities.items()),
        shipping_amount=order.draft.shipping_amount if first else 0,
        shipping_taxes=order.draft.shipping_taxes if first else (),
    )


def _share(order: Order, line_ref: str, quantity: int) -> DraftLine:
    line = order.line(line_ref)
    return line_share(line.draft, line.quantities.shipped, quantity)
