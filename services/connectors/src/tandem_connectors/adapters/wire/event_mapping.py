"""From canonical facts to the messages of `tandem.connector.v1`, checked against their bounds."""

from collections.abc import Callable
from datetime import datetime

from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp
from tandem.common.v1 import external_ref_pb2, money_pb2
from tandem.connector.v1 import events_pb2
from tandem.order.v1 import order_draft_pb2
from tandem_connector_sdk import models
from tandem_core.errors import FieldViolation, ValidationFailed
from tandem_core.money import Money
from tandem_platform.event_journal import PAYLOAD_BYTES_MAX
from tandem_platform.interceptors.validation import check

from tandem_connectors.application.ports import EncodedEvent, Provenance


class ContractEncoder:
    """The port `EventEncoder`."""

    def encode(self, event: models.Canonical, provenance: Provenance) -> EncodedEvent:
        """Raises ValidationFailed."""
        message = to_message(event, provenance)
        check(message)
        payload = message.SerializeToString(deterministic=True)
        if len(payload) > PAYLOAD_BYTES_MAX:
            told = f"has {len(payload)} bytes, at most {PAYLOAD_BYTES_MAX} fit into an event"
            raise ValidationFailed([FieldViolation(type(event).__name__, told)])
        return EncodedEvent(message.DESCRIPTOR.full_name, payload)


def to_message(event: models.Canonical, provenance: Provenance) -> Message:
    """The message of a fact; refs name the connection as their system."""
    shown = events_pb2.Provenance(
        connection_id=provenance.connection_id,
        document_id=provenance.document_id,
        translator=provenance.translator,
        findings=provenance.findings,
    )
    build: Callable[[models.Canonical, events_pb2.Provenance], Message] = _BUILDERS[type(event)]
    return build(event, shown)


def _order_placed(
    event: models.OrderPlaced, provenance: events_pb2.Provenance
) -> events_pb2.OrderPlaced:
    return events_pb2.OrderPlaced(
        provenance=provenance, order=_draft(event.order, provenance.connection_id)
    )


def _refund_reported(
    event: models.RefundReported, provenance: events_pb2.Provenance
) -> events_pb2.RefundReported:
    return events_pb2.RefundReported(
        provenance=provenance,
        order_ref=_ref(event.order_ref, provenance.connection_id),
        refund_ref=_ref(event.refund_ref, provenance.connection_id),
        refund_time=_time(event.refund_time),
        lines=[_refund_line(line) for line in event.lines],
        shipping_amount=_money(event.shipping_amount),
        shipping_tax_amount=_money(event.shipping_tax_amount),
        stated_total=_money(event.stated_total),
    )


def _refund_line(line: models.RefundLine) -> events_pb2.RefundReportedLine:
    return events_pb2.RefundReportedLine(
        line_ref=line.line_ref,
        quantity=line.quantity,
        net_amount=_money(line.net_amount),
        tax_amount=_money(line.tax_amount),
        restock=events_pb2.RefundReportedLine.Restock.Value(f"RESTOCK_{line.restock}"),
        location=line.location,
    )


def _sale_reported(
    event: models.SaleReported, provenance: events_pb2.Provenance
) -> events_pb2.SaleReported:
    return events_pb2.SaleReported(
        provenance=provenance,
        sale=_draft(event.sale, provenance.connection_id),
        location=event.location,
        register=event.register,
        sequence=event.sequence,
        business_date=event.business_date,
        tenders=[
            events_pb2.Tender(
                type=events_pb2.Tender.Type.Value(f"TYPE_{tender.type}"),
                amount=_money(tender.amount),
                reference=tender.reference,
            )
            for tender in event.tenders
        ],
    )


def _snapshot_reported(
    event: models.StockSnapshotReported, provenance: events_pb2.Provenance
) -> events_pb2.StockSnapshotReported:
    return events_pb2.StockSnapshotReported(
        provenance=provenance,
        sequence=event.sequence,
        as_of_time=_time(event.as_of_time),
        snapshot_id=event.snapshot_id,
        chunk=event.chunk,
        chunks=event.chunks,
        lines=[
            events_pb2.StockSnapshotLine(
                sku=line.sku, location=line.location, quantity=line.quantity
            )
            for line in event.lines
        ],
    )


def _movement_reported(
    event: models.StockMovementReported, provenance: events_pb2.Provenance
) -> events_pb2.StockMovementReported:
    return events_pb2.StockMovementReported(
        provenance=provenance,
        sequence=event.sequence,
        move_time=_time(event.move_time),
        sku=event.sku,
        location=event.location,
        delta=event.delta,
        cause=events_pb2.StockMovementReported.Cause.Value(f"CAUSE_{event.cause}"),
        reference=event.reference,
    )


def _shipment_reported(
    event: models.ShipmentReported, provenance: events_pb2.Provenance
) -> events_pb2.ShipmentReported:
    return events_pb2.ShipmentReported(
        provenance=provenance,
        shipment_ref=event.shipment_ref,
        order_ref=event.order_ref,
        location=event.location,
        ship_time=_time(event.ship_time),
        lines=[
            events_pb2.ShipmentReportedLine(sku=line.sku, quantity=line.quantity)
            for line in event.lines
        ],
        tracking_number=event.tracking_number,
    )


def _goods_received(
    event: models.GoodsReceived, provenance: events_pb2.Provenance
) -> events_pb2.GoodsReceived:
    return events_pb2.GoodsReceived(
        provenance=provenance,
        receipt_ref=event.receipt_ref,
        purchase_order=event.purchase_order,
        vendor=event.vendor,
        receive_time=_time(event.receive_time),
        lines=[
            events_pb2.GoodsReceivedLine(
                sku=line.sku,
                location=line.location,
                quantity=line.quantity,
                cost_amount=_money(line.cost_amount),
            )
            for line in event.lines
        ],
    )


def _payment_completed(
    event: models.PaymentCompleted, provenance: events_pb2.Provenance
) -> events_pb2.PaymentCompleted:
    command, result = event.command, event.result
    return events_pb2.PaymentCompleted(
        provenance=provenance,
        command_id=command.command_id,
        order_id=command.order_id,
        action=_action(command.action),
        outcome=events_pb2.PaymentOutcome.Value(f"PAYMENT_OUTCOME_{result.outcome}"),
        amount=_money(command.amount),
        provider_ref=result.provider_ref,
        decline_reason=result.decline_reason,
        complete_time=_time(result.complete_time),
    )


def _provider_transaction(
    event: models.ProviderTransactionReported, provenance: events_pb2.Provenance
) -> events_pb2.ProviderTransactionReported:
    return events_pb2.ProviderTransactionReported(
        provenance=provenance,
        provider_ref=event.provider_ref,
        action=_action(event.action),
        amount=_money(event.amount),
        merchant_ref=event.merchant_ref,
        transaction_time=_time(event.transaction_time),
    )


def _draft(order: models.OrderDraft, system: str) -> order_draft_pb2.OrderDraft:
    return order_draft_pb2.OrderDraft(
        external_ref=_ref(order.external_ref, system),
        channel=order.channel,
        currency_code=order.currency_code,
        place_time=_time(order.place_time),
        lines=[_draft_line(line) for line in order.lines],
        shipping_amount=_money(order.shipping_amount),
        shipping_taxes=[_tax(tax) for tax in order.shipping_taxes],
        stated_total=_money(order.stated_total),
        payment_method=order.payment_method,
        ship_to=_ship_to(order.ship_to),
        display_name=order.display_name,
    )


def _draft_line(line: models.OrderLine) -> order_draft_pb2.OrderDraftLine:
    return order_draft_pb2.OrderDraftLine(
        line_ref=line.line_ref,
        sku=line.sku,
        quantity=line.quantity,
        list_amount=_money(line.list_amount),
        discount_amount=_money(line.discount_amount),
        funded_discount_amount=_money(line.funded_discount_amount),
        taxes=[_tax(tax) for tax in line.taxes],
    )


def _tax(tax: models.TaxLine) -> order_draft_pb2.TaxLine:
    return order_draft_pb2.TaxLine(
        jurisdiction=tax.jurisdiction,
        amount=_money(tax.amount),
        collector=order_draft_pb2.TaxLine.Collector.Value(f"COLLECTOR_{tax.collector}"),
    )


def _ship_to(address: models.ShipTo | None) -> order_draft_pb2.ShipTo | None:
    if address is None:
        return None
    return order_draft_pb2.ShipTo(
        recipient=address.recipient,
        street_lines=address.street_lines,
        city=address.city,
        region=address.region,
        postal_code=address.postal_code,
        country_code=address.country_code,
    )


def _ref(ref: models.ExternalRef, system: str) -> external_ref_pb2.ExternalRef:
    return external_ref_pb2.ExternalRef(system=system, type=ref.type, id=ref.id)


def _money(amount: Money | None) -> money_pb2.Money | None:
    if amount is None:
        return None
    return money_pb2.Money(currency_code=amount.currency_code, minor_units=amount.minor_units)


def _action(action: models.PaymentAction) -> events_pb2.PaymentAction.ValueType:
    return events_pb2.PaymentAction.Value(f"PAYMENT_ACTION_{action}")


def _time(instant: datetime) -> Timestamp:
    stamp = Timestamp()
    stamp.FromDatetime(instant)
    return stamp


_BUILDERS: dict[type, Callable[..., Message]] = {
    models.OrderPlaced: _order_placed,
    models.RefundReported: _refund_reported,
    models.SaleReported: _sale_reported,
    models.StockSnapshotReported: _snapshot_reported,
    models.StockMovementReported: _movement_reported,
    models.ShipmentReported: _shipment_reported,
    models.GoodsReceived: _goods_received,
    models.PaymentCompleted: _payment_completed,
    models.ProviderTransactionReported: _provider_transaction,
}
