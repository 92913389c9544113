"""One trace from door to journal, and every fact a message of the contract."""

from __future__ import annotations

import json
import typing
import uuid
from datetime import UTC, datetime

import pytest
from sqlalchemy import text
from tandem.connector.v1 import events_pb2
from tandem.connector.v1 import inbound_document_service_pb2 as pb
from tandem_connector_payment_simulator.server.process import ProviderProcess
from tandem_connector_sdk import models
from tandem_connector_sdk.models import Canonical
from tandem_connectors.adapters.wire.event_mapping import ContractEncoder
from tandem_connectors.application.ports import Provenance
from tandem_core.errors import ValidationFailed
from tandem_core.money import Money
from tandem_platform import telemetry

from .runtime_under_test import Running, an_order, authorise, sample, webhook

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
USD = Money("USD", 100)
PROVENANCE = Provenance("t", "c", str(uuid.uuid4()), "demo/1.0.0", ("F: x",))
DRAFT = models.OrderDraft(
    external_ref=models.ExternalRef("order", "1"),
    channel="web",
    currency_code="USD",
    place_time=NOW,
    lines=(models.OrderLine("l", "SKU", 1, USD, taxes=(models.TaxLine("t", USD),)),),
    payment_method="card",
    ship_to=models.ShipTo(recipient="R", country_code="US"),
)
COMMAND = models.PaymentCommand("cmd", "o", models.PaymentAction.VOID, USD)
FACTS: list[Canonical] = [
    models.OrderPlaced(DRAFT),
    models.RefundReported(
        models.ExternalRef("order", "1"),
        models.ExternalRef("refund", "2"),
        NOW,
        (models.RefundLine("l", 1, USD, USD, models.Restock.CANCEL),),
        USD,
        USD,
        USD,
    ),
    models.SaleReported(
        DRAFT, "store", "1", 2, "2026-03-02", (models.Tender(models.TenderType.GIFT_CARD, USD),)
    ),
    models.StockSnapshotReported("s", 1, NOW, "id", 1, 1, (models.SnapshotLine("A", "L", 0),)),
    models.StockMovementReported("s", 1, NOW, "A", "L", -1, models.MovementCause.ADJUSTMENT),
    models.ShipmentReported("s", "o", "L", NOW, (models.ShipmentLine("A", 1),)),
    models.GoodsReceived("r", NOW, (models.GoodsReceivedLine("A", "L", 1, USD),)),
    models.PaymentCompleted(
        COMMAND, models.PaymentResult(models.PaymentOutcome.DECLINED, USD, NOW)
    ),
    models.ProviderTransactionReported("p", models.PaymentAction.REFUND, USD, NOW),
]


def test_every_fact_has_a_message_of_its_name() -> None:
    assert {type(fact) for fact in FACTS} == set(typing.get_args(Canonical))
    for fact in FACTS:
        encoded = ContractEncoder().encode(fact, PROVENANCE)
        assert encoded.event_type == f"tandem.connector.v1.{type(fact).__name__}"
        message = getattr(events_pb2, type(fact).__name__).FromString(encoded.payload)
        assert message.provenance.connection_id == "c"


def test_an_event_too_large_for_the_bus_is_refused_before_it_is_stored() -> None:
    lines = tuple(models.SnapshotLine("S" * 2_000, "L", 1) for _ in range(500))
    snapshot = models.StockSnapshotReported("s", 1, NOW, "id", 1, 1, lines)
    with pytest.raises(ValidationFailed):
        ContractEncoder().encode(snapshot, PROVENANCE)


async def test_one_trace_leads_from_the_door_over_the_document_to_the_journal(
    connectors: Running,
) -> None:
    with telemetry.span("shop"):
        trace_id = telemetry.current_trace_id()
        answer = await connectors.ingress.ReceiveWebhook(webhook(an_order()))
    await connectors.translate_all()
    assert answer.document.trace_id == trace_id
    ((headers,),) = await connectors.rows("SELECT headers FROM event_journal")
    assert headers["traceparent"].split("-")[1] == trace_id


async def test_a_payment_goes_on_with_the_trace_of_its_order(
    paying: Running, provider: ProviderProcess
) -> None:
    with telemetry.span("order"):
        trace_id = telemetry.current_trace_id()
        carrier: dict[str, str] = {}
        telemetry.inject(carrier)
    await paying.queue_payment(authorise())
    async with paying.database.transaction() as connection:
        statement = text("UPDATE outbound_command SET carrier = CAST(:carrier AS jsonb)")
        await connection.execute(statement, {"carrier": json.dumps(carrier)})
    await paying.pay_due()
    ((headers,),) = await paying.rows("SELECT headers FROM event_journal")
    assert headers["traceparent"].split("-")[1] == trace_id


async def test_personal_data_is_only_in_the_payload_and_the_delivery_address(
    connectors: Running,
) -> None:
    body = sample("shopify", "order_create.json")
    broken = body.replace(b'"currency": "USD"', b'"currency": "EUX"')
    await connectors.ingress.ReceiveWebhook(webhook(body))
    await connectors.ingress.ReceiveWebhook(webhook(broken, delivery="d2"))
    await connectors.translate_all()
    listed = await connectors.documents.ListInboundDocuments(pb.ListInboundDocumentsRequest())
    ((payload,),) = await connectors.rows("SELECT payload FROM event_journal")
    placed = events_pb2.OrderPlaced.FromString(bytes(payload))
    assert placed.order.ship_to.recipient == "Canary Recipient"
    placed.order.ClearField("ship_to")
    for told in (str(placed), str(listed)):
        assert "anary" not in told
        assert "202-555" not in told
