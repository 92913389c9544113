"""Orders from domain to wire."""

from __future__ import annotations

from tandem.order.v1 import order_pb2 as wire

from tandem_order_orchestrator.adapters.wire.draft_mapping import to_taxes
from tandem_order_orchestrator.adapters.wire.money_mapping import to_money, to_ref, to_time
from tandem_order_orchestrator.domain.order import Order
from tandem_order_orchestrator.domain.order_parts import (
    Fulfilment,
    OrderLine,
    PaymentView,
    Return,
    ReturnLine,
    Shortage,
)


def to_order(order: Order) -> wire.Order:
    """The order as it stands."""
    draft, currency = order.draft, order.draft.currency_code
    return wire.Order(
        id=order.id,
        external_ref=to_ref(draft.external_ref),
        display_name=draft.display_name,
        channel=draft.channel,
        currency_code=currency,
        state=wire.Order.State.Value(f"STATE_{order.state.value}"),
        version=order.version,
        place_time=to_time(draft.placed_at),
        accept_time=to_time(order.accepted_at),
        update_time=to_time(order.updated_at),
        lines=[_line(line, currency) for line in order.lines],
        total=to_money(order.total, currency),
        shipping_amount=to_money(draft.shipping_amount, currency),
        shipping_taxes=to_taxes(draft.shipping_taxes, currency),
        payment=_payment(order.payment, currency),
        fulfilments=[to_fulfilment(item) for item in order.fulfilments],
        returns=[to_return(item, currency) for item in order.returns],
        reservation_id=order.reservation_id,
        reason=order.reason,
        shortages=[to_shortage(item) for item in order.shortages],
        trace_id=order.trace_id,
        kind=wire.Order.Kind.Value(f"KIND_{order.kind.value}"),
    )


def _line(line: OrderLine, currency: str) -> wire.OrderLine:
    quantities = line.quantities
    return wire.OrderLine(
        line_ref=line.draft.line_ref,
        sku=line.draft.sku,
        ordered=quantities.ordered,
        awaiting=quantities.awaiting,
        reserved=quantities.reserved,
        released=quantities.released,
        shipped=quantities.shipped,
        cancelled=quantities.cancelled,
        returned=quantities.returned,
        list_amount=to_money(line.draft.list_amount, currency),
        discount_amount=to_money(line.draft.discount_amount, currency),
        funded_discount_amount=to_money(line.draft.funded_discount_amount, currency),
        taxes=to_taxes(line.draft.taxes, currency),
    )


def _payment(payment: PaymentView, currency: str) -> wire.PaymentView:
    overdue = min((item.due_at for item in payment.overdue), default=None)
    return wire.PaymentView(
        state=wire.PaymentView.State.Value(f"STATE_{payment.state.value}"),
        authorised=to_money(payment.authorised, currency),
        captured=to_money(payment.captured, currency),
        refunded=to_money(payment.refunded, currency),
        authorisation_ref=payment.authorisation_ref,
        capture_ref=payment.capture_ref,
        overdue_time=to_time(overdue) if overdue else None,
    )


def to_fulfilment(item: Fulfilment) -> wire.Fulfilment:
    """One fulfilment."""
    return wire.Fulfilment(
        id=item.id,
        location=item.location,
        state=wire.Fulfilment.State.Value(f"STATE_{item.state.value}"),
        lines=[
            wire.FulfilmentLine(line_ref=line.line_ref, quantity=line.quantity)
            for line in item.lines
        ],
        shipment_ref=item.shipment_ref,
        ship_time=to_time(item.shipped_at) if item.shipped_at else None,
        tracking_number=item.tracking_number,
    )


def to_return(item: Return, currency: str) -> wire.Return:
    """One return."""
    return wire.Return(
        id=item.id,
        external_ref=to_ref(item.external_ref),
        state=wire.Return.State.Value(f"STATE_{item.state.value}"),
        lines=[_return_line(line, currency) for line in item.lines],
        refund_amount=to_money(item.refund_amount, currency),
        refund_ref=item.refund_ref,
        shipping_amount=to_money(item.shipping_amount, currency),
        shipping_tax_amount=to_money(item.shipping_tax_amount, currency),
        approve_time=to_time(item.approved_at),
    )


def _return_line(line: ReturnLine, currency: str) -> wire.ReturnLine:
    return wire.ReturnLine(
        line_ref=line.line_ref,
        quantity=line.quantity,
        net_amount=to_money(line.net_amount, currency),
        tax_amount=to_money(line.tax_amount, currency),
        disposition=wire.ReturnDisposition.Value(f"RETURN_DISPOSITION_{line.disposition.value}"),
        location=line.location,
    )


def to_shortage(item: Shortage) -> wire.OrderShortage:
    """What was short of one SKU."""
    return wire.OrderShortage(
        sku=item.sku,
        requested=item.requested,
        available=item.available,
        alternatives=[
            wire.OrderAlternative(location=a.location, available=a.available)
            for a in item.alternatives
        ],
    )
