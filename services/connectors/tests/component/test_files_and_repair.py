"""Files in, and the repair of what could not be translated."""

from __future__ import annotations

import asyncio
import uuid

import pytest
from tandem.connector.v1 import inbound_document_service_pb2 as pb
from tandem.connector.v1 import ingress_service_pb2 as ingress
from tandem.connector.v1.inbound_document_pb2 import InboundDocument
from tandem_platform.remote_error import RemoteError

from .runtime_under_test import (
    STORES,
    WAREHOUSE,
    Running,
    an_order,
    running_connectors,
    sample,
    webhook,
)

STATE = InboundDocument.State


def _retry(
    document_id: str, repaired: bytes = b"", **changed: str
) -> pb.RetryInboundDocumentRequest:
    request_id = changed.get("request_id", str(uuid.uuid4()))
    return pb.RetryInboundDocumentRequest(
        request_id=request_id,
        document_id=document_id,
        repaired_payload=repaired,
        note=changed.get("note", "by hand"),
    )


async def _parked(connectors: Running, body: bytes) -> str:
    answer = await connectors.ingress.ReceiveWebhook(webhook(body))
    await connectors.translate_all()
    document_id: str = answer.document.id
    return document_id


async def test_files_of_every_kind_become_facts(connectors: Running) -> None:
    for name in ("stock_snapshot", "stock_movements", "shipments", "goods_receipts"):
        await connectors.send_file(WAREHOUSE, f"{name}.csv", sample("csv-files", f"{name}.csv"))
    await connectors.send_file(STORES, "day.xml", sample("poslog", "store_day.xml"))
    await connectors.translate_all()
    assert {state for state, _, _ in await connectors.states()} == {"TRANSLATED"}
    assert await connectors.events() == [
        ("RefundReported", "stores|store-101|3|2026-03-02|42", 1),
        ("SaleReported", "stores|store-101|3|2026-03-02|42", 1),
        ("GoodsReceived", "warehouse|REC-1", 1),
        ("GoodsReceived", "warehouse|REC-2", 1),
        ("ShipmentReported", "warehouse|SHP-77", 1),
        ("ShipmentReported", "warehouse|SHP-78", 1),
        ("StockSnapshotReported", "warehouse|WMS-DC1", 1),
        ("StockMovementReported", "warehouse|WMS-DC1", 2),
        ("StockMovementReported", "warehouse|WMS-DC1", 3),
        ("StockMovementReported", "warehouse|WMS-DC1", 4),
    ]


async def test_the_same_file_at_once_and_again_is_taken_once(connectors: Running) -> None:
    content = sample("csv-files", "shipments.csv")
    sent = [connectors.send_file(WAREHOUSE, "s.csv", content) for _ in range(5)]
    answers = await asyncio.gather(*sent)
    assert sorted(answer.duplicate for answer in answers) == [False] + [True] * 4
    await connectors.send_file(WAREHOUSE, "again.csv", content)
    await connectors.translate_all()
    assert len(await connectors.events()) == 2, "the second name tells nothing new"


async def test_a_truncated_count_changes_nothing_and_says_what_is_missing(
    connectors: Running,
) -> None:
    cut = sample("csv-files", "stock_snapshot.csv").replace(b"ROW,CAP-RED,DC1,0\n", b"")
    await connectors.send_file(WAREHOUSE, "stock.csv", cut)
    await connectors.translate_all()
    assert await connectors.states() == [("PARKED", "SNAPSHOT_INCOMPLETE", "trailer.rows")]
    assert await connectors.events() == []


async def test_a_file_for_another_tenants_connection_is_refused(
    connectors: Running, database_url: str
) -> None:
    other = connectors.database.engine.url.render_as_string(hide_password=False)
    async with running_connectors(other, connectors.clock, warehouse="other-tenant") as foreign:
        with pytest.raises(RemoteError) as caught:
            await foreign.send_file(WAREHOUSE, "s.csv", b"x")
    assert caught.value.reason == "CONNECTION_UNKNOWN"


@pytest.mark.parametrize(
    ("broken", "reason", "field"),
    [
        (b'{"id": 1,', "DOCUMENT_MALFORMED", ""),
        (an_order(currency="EUX"), "CURRENCY_UNKNOWN", "currency"),
        (
            an_order(line_items=[{"id": 1, "sku": "A", "quantity": -1, "price": "1.00"}]),
            "DOCUMENT_FIELD_INVALID",
            "line_items[0].quantity",
        ),
    ],
)
async def test_a_parked_document_shows_its_field_and_is_repaired(
    connectors: Running, broken: bytes, reason: str, field: str
) -> None:
    document_id = await _parked(connectors, broken)
    listed = await connectors.documents.ListInboundDocuments(
        pb.ListInboundDocumentsRequest(state=STATE.STATE_PARKED)
    )
    (shown,) = listed.documents
    assert (shown.id, shown.reason, shown.field) == (document_id, reason, field)
    assert shown.payload == b""
    got = await connectors.documents.GetInboundDocument(
        pb.GetInboundDocumentRequest(document_id=document_id)
    )
    assert got.document.payload == broken
    repaired = await connectors.documents.RetryInboundDocument(_retry(document_id, an_order()))
    assert repaired.document.state == STATE.STATE_TRANSLATED
    assert (repaired.document.event_count, repaired.document.attempts) == (1, 2)
    assert await connectors.events() == [("OrderPlaced", "shop|1", 1)]
    kept = await connectors.rows("SELECT payload, note FROM inbound_document")
    assert [(bytes(row[0]), row[1]) for row in kept] == [(broken, "by hand")]


async def test_malformed_xml_is_parked_with_its_line_and_repaired(connectors: Running) -> None:
    whole = sample("poslog", "store_day.xml")
    answer = await connectors.send_file(STORES, "day.xml", whole[:-20])
    await connectors.translate_all()
    got = await connectors.documents.GetInboundDocument(
        pb.GetInboundDocumentRequest(document_id=answer.document.id)
    )
    assert got.document.reason == "DOCUMENT_MALFORMED"
    assert "line" in got.document.detail
    await connectors.documents.RetryInboundDocument(_retry(answer.document.id, whole))
    assert len(await connectors.events()) == 2


async def test_a_repair_that_is_wrong_too_is_parked_again_with_its_new_reason(
    connectors: Running,
) -> None:
    document_id = await _parked(connectors, b"{")
    worse = await connectors.documents.RetryInboundDocument(
        _retry(document_id, an_order(currency="EUX"))
    )
    assert (worse.document.state, worse.document.field) == (STATE.STATE_PARKED, "currency")
    better = await connectors.documents.RetryInboundDocument(_retry(document_id, an_order()))
    assert better.document.state == STATE.STATE_TRANSLATED


async def test_a_repeated_repair_answers_the_same_and_another_body_is_refused(
    connectors: Running,
) -> None:
    document_id = await _parked(connectors, b"{")
    request_id = str(uuid.uuid4())
    repair = _retry(document_id, an_order(), request_id=request_id)
    first, second = await asyncio.gather(
        connectors.documents.RetryInboundDocument(repair),
        connectors.documents.RetryInboundDocument(repair),
    )
    assert first == second
    with pytest.raises(RemoteError) as caught:
        await connectors.documents.RetryInboundDocument(
            _retry(document_id, an_order(2), request_id=request_id)
        )
    assert caught.value.reason == "REQUEST_ID_REUSED"
    assert len(await connectors.events()) == 1


async def test_what_is_translated_cannot_be_translated_again(connectors: Running) -> None:
    document_id = await _parked(connectors, an_order())
    with pytest.raises(RemoteError) as caught:
        await connectors.documents.RetryInboundDocument(_retry(document_id))
    assert caught.value.reason == "DOCUMENT_NOT_PARKED"
    assert caught.value.metadata["state"] == "TRANSLATED"


async def test_an_unknown_document_is_not_found(connectors: Running) -> None:
    with pytest.raises(RemoteError) as caught:
        await connectors.documents.GetInboundDocument(
            pb.GetInboundDocumentRequest(document_id=str(uuid.uuid4()))
        )
    assert caught.value.reason == "NOT_FOUND"


async def test_documents_come_in_pages_newest_first_and_each_once(connectors: Running) -> None:
    for number in range(1, 8):
        hook = webhook(an_order(number), delivery=f"d{number}")
        await connectors.ingress.ReceiveWebhook(hook)
        # Pairs share an instant: then the id decides, and no page may lose or repeat one.
        connectors.clock.advance(number % 2)
    seen, token = [], ""
    for _ in range(3):
        page = await connectors.documents.ListInboundDocuments(
            pb.ListInboundDocumentsRequest(page_size=3, page_token=token)
        )
        seen += [document.source_id for document in page.documents]
        token = page.next_page_token
    assert sorted(seen) == [f"d{number}" for number in range(1, 8)]
    assert seen[0] == "d7"
    assert token == ""


async def test_a_file_of_no_known_name_is_kept_and_told(connectors: Running) -> None:
    await connectors.send_file(WAREHOUSE, "notes.txt", b"hello")
    await connectors.translate_all()
    assert await connectors.states() == [("PARKED", "DOCUMENT_KIND_UNKNOWN", "")]


async def test_a_large_file_is_translated_beside_the_loop(connectors: Running) -> None:
    rows = [f"ROW,SKU-{number},DC1,1" for number in range(9_000)]
    head = "HEADER,STOCK_SNAPSHOT,1,WMS,5,2026-03-02T06:00:00Z,BIG"
    content = "\n".join([head, *rows, "TRAILER,9000,9000"]).encode()
    request = ingress.ReceiveFileRequest(
        connection_id=WAREHOUSE, file_name="big.csv", content=content
    )
    await connectors.ingress.ReceiveFile(request)
    await connectors.translate_all()
    events = await connectors.events()
    assert [version for _, _, version in events] == list(range(1, 19))
