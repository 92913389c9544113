"""What the files mean, and how a wrong or cut one is told."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tandem_connector_csv_files.translator import CsvFileTranslator
from tandem_connector_sdk.documents import RawDocument, Translation, TranslationContext
from tandem_connector_sdk.models import (
    GoodsReceived,
    ShipmentReported,
    SnapshotLine,
    StockSnapshotReported,
)
from tandem_core.errors import DomainError
from tandem_core.money import Money

FIXTURES = Path(__file__).parent.parent / "fixtures"
CONTEXT = TranslationContext("wms", {"sku_scales": {"APPLE-KG": 3}})


def _translate(text: str) -> Translation:
    return CsvFileTranslator().translate(RawDocument("any.csv", text.encode()), CONTEXT)


def _refused(text: str) -> tuple[str, dict[str, str]]:
    with pytest.raises(DomainError) as caught:
        _translate(text)
    return caught.value.reason, caught.value.metadata()


def _sample(name: str) -> str:
    return (FIXTURES / name).read_text()


def test_a_count_is_taken_with_its_zeros_and_its_weights() -> None:
    (event,) = _translate(_sample("stock_snapshot.csv")).events
    assert isinstance(event, StockSnapshotReported)
    assert event.lines[1:] == (
        SnapshotLine("CAP-RED", "DC1", 0),
        SnapshotLine("APPLE-KG", "DC1", 12_500),
    )


@given(st.integers(0, 1700))
def test_a_large_count_comes_in_numbered_chunks_that_hold_every_row(count: int) -> None:
    rows = [f"ROW,SKU-{number},DC1,{number}" for number in range(count)]
    total = sum(range(count))
    header = "HEADER,STOCK_SNAPSHOT,1,WMS,7,2026-03-02T06:00:00Z,S1"
    events = _translate("\n".join([header, *rows, f"TRAILER,{count},{total}"])).events
    assert [event.chunk for event in events if isinstance(event, StockSnapshotReported)] == list(
        range(1, len(events) + 1)
    )
    lines = []
    for event in events:
        assert isinstance(event, StockSnapshotReported)
        assert event.chunks == len(events)
        assert len(event.lines) <= 500
        lines += event.lines
    assert len({line.sku for line in lines}) == count


def test_shipments_gather_their_rows() -> None:
    first, second = _translate(_sample("shipments.csv")).events
    assert isinstance(first, ShipmentReported)
    assert isinstance(second, ShipmentReported)
    assert [(line.sku, line.quantity) for line in first.lines] == [
        ("TEE-BLUE-M", 2),
        ("CAP-RED", 1),
    ]
    assert (second.order_ref, second.tracking_number) == ("#2002", "")


def test_cost_is_exact_for_the_line_even_when_a_unit_is_not() -> None:
    first, second = _translate(_sample("goods_receipts.csv")).events
    assert isinstance(first, GoodsReceived)
    assert isinstance(second, GoodsReceived)
    assert [line.cost_amount for line in first.lines] == [Money("USD", 50_000), Money("USD", 850)]
    assert (second.lines[0].quantity, second.lines[0].cost_amount) == (12_500, Money("USD", 2000))
    reason, metadata = _refused(
        _sample("goods_receipts.csv").replace("200,0.0425", "3,0.0425").replace("252.5", "55.5")
    )
    assert (reason, metadata["field"]) == ("AMOUNT_NOT_EXACT", "row[2].unit_cost")


def test_a_truncated_file_is_refused_whole_and_says_what_it_found() -> None:
    snapshot = _sample("stock_snapshot.csv")
    without_row = snapshot.replace("ROW,CAP-RED,DC1,0\n", "")
    assert _refused(without_row) == (
        "SNAPSHOT_INCOMPLETE",
        {"field": "trailer.rows", "declared": "3", "found": "2"},
    )
    without_trailer = snapshot[: snapshot.index("TRAILER")]
    assert _refused(without_trailer) == (
        "SNAPSHOT_INCOMPLETE",
        {"field": "trailer", "declared": "nothing", "found": "3 rows"},
    )
    changed = snapshot.replace("DC1,120", "DC1,12")
    assert _refused(changed) == (
        "SNAPSHOT_INCOMPLETE",
        {"field": "trailer.quantity_sum", "declared": "132.5", "found": "24.5"},
    )


@given(st.integers(1, 400), st.sampled_from(sorted(p.name for p in FIXTURES.glob("*.csv"))))
def test_no_cut_of_any_file_is_ever_translated(cut: int, name: str) -> None:
    whole = _sample(name).rstrip("\n")
    # Cutting digits off the last number is the worst case: the rest still looks like a file.
    text = whole[: max(0, len(whole) - cut)]
    reason, _ = _refused(text)
    assert reason


@pytest.mark.parametrize(
    ("name", "old", "new", "reason", "field"),
    [
        ("stock_snapshot.csv", "DC1,0", "DC1,-1", "DOCUMENT_FIELD_INVALID", "row[2].quantity"),
        ("stock_snapshot.csv", "DC1,120", "DC1,120.0005", "QUANTITY_NOT_EXACT", "row[1].quantity"),
        ("stock_snapshot.csv", "CAP-RED", "TEE-BLUE-M", "DOCUMENT_FIELD_INVALID", "row[2].sku"),
        ("stock_snapshot.csv", "CAP-RED", "", "DOCUMENT_FIELD_INVALID", "row[2].sku"),
        ("stock_snapshot.csv", ",1000,", ",x,", "QUANTITY_NOT_EXACT", "header.sequence"),
        ("stock_snapshot.csv", "00Z", "00", "DOCUMENT_FIELD_INVALID", "header.as_of_time"),
        ("stock_snapshot.csv", "SHOT,1,", "SHOT,2,", "DOCUMENT_FIELD_INVALID", "header.version"),
        ("stock_movements.csv", "RECEIPT", "MAGIC", "CODE_UNMAPPED", "row[2].cause"),
        ("shipments.csv", "#2001,DC1", "#2009,DC1", "DOCUMENT_FIELD_INVALID", "row[2].order"),
        ("goods_receipts.csv", "USD", "US$", "CURRENCY_UNKNOWN", "header.currency"),
        ("goods_receipts.csv", "12.50\n", "-1\n", "DOCUMENT_FIELD_INVALID", "row[1].unit_cost"),
    ],
)
def test_a_wrong_column_is_named_with_its_row(
    name: str, old: str, new: str, reason: str, field: str
) -> None:
    changed = _sample(name).replace(old, new, 1)
    changed = _with_true_sum(changed, name)
    found, metadata = _refused(changed)
    assert (found, metadata.get("field", "")) == (reason, field)


def _with_true_sum(text: str, name: str) -> str:
    """Lets the sum agree, so that only the changed column can be what is wrong."""
    if name != "stock_snapshot.csv":
        return text
    for quantity, total in (("-1", "131.5"), ("120.0005", "132.5005")):
        if f"DC1,{quantity}" in text:
            return text.replace("132.5", total)
    return text


def test_an_unknown_kind_of_file_is_told() -> None:
    assert _refused("HEADER,PRICES,1\nTRAILER,0,0") == ("DOCUMENT_KIND_UNKNOWN", {"kind": "PRICES"})


@pytest.mark.parametrize(
    "text",
    ["", "ROW,1\n", "HEADER\n", "HEADER,SHIPMENTS,1\nFOOTER,1\nTRAILER,0,0", 'HEADER,"SHIP\nX'],
)
def test_what_has_no_frame_is_malformed(text: str) -> None:
    assert _refused(text)[0] == "DOCUMENT_MALFORMED"


def test_a_shipment_whose_rows_are_apart_is_refused() -> None:
    text = (
        "HEADER,SHIPMENTS,1,W\n"
        "ROW,S1,O1,DC1,2026-03-02T07:12:00Z,,A,1\n"
        "ROW,S2,O2,DC1,2026-03-02T07:12:00Z,,A,1\n"
        "ROW,S1,O1,DC1,2026-03-02T07:12:00Z,,B,1\n"
        "TRAILER,3,3"
    )
    reason, metadata = _refused(text)
    assert (reason, metadata["field"]) == ("DOCUMENT_FIELD_INVALID", "row[3].shipment")
