"""Tax taken out and spread without loss; facts hash by what they say."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tandem_connector_sdk.canonical_json import content_hash, to_json
from tandem_connector_sdk.errors import DocumentFieldInvalid, DocumentMalformed
from tandem_connector_sdk.json_fields import read_json_object
from tandem_connector_sdk.models import StockSnapshotReported, TaxLine
from tandem_connector_sdk.net_amounts import LineAmounts, spread_taxes, without_tax
from tandem_connector_sdk.times import parse_date, parse_instant
from tandem_core.money import Money

FACT = StockSnapshotReported("s", 1, datetime(2026, 3, 2, 9, tzinfo=UTC), "id", 1, 1, ())


def euro(minor_units: int) -> Money:
    return Money("EUR", minor_units)


amounts = st.integers(0, 10**9)


@given(amounts, st.integers(0, 100), st.integers(0, 100))
def test_taking_tax_out_changes_neither_what_is_paid_nor_the_tax(
    listed: int, discount_share: int, tax_share: int
) -> None:
    discount = listed * discount_share // 100
    tax = (listed - discount) * tax_share // 100
    line = LineAmounts(euro(listed), euro(discount), (TaxLine("t", euro(tax)),))
    net = without_tax(line)
    assert net.paid + euro(tax) == line.paid
    assert 0 <= net.discount_amount.minor_units <= discount
    assert net.list_amount.minor_units >= 0


@given(st.lists(amounts, min_size=1, max_size=8), st.lists(amounts, max_size=3))
def test_spread_taxes_add_up_to_what_was_stated(paid: list[int], taxes: list[int]) -> None:
    lines = [LineAmounts(euro(amount), euro(0), ()) for amount in paid]
    stated = [TaxLine(f"t{number}", euro(amount)) for number, amount in enumerate(taxes)]
    spread = spread_taxes(lines, stated)
    for tax in stated:
        shares = [
            t.amount for line in spread for t in line.taxes if t.jurisdiction == tax.jurisdiction
        ]
        assert Money.total("EUR", shares) == tax.amount


def test_the_same_fact_written_in_another_zone_has_the_same_hash() -> None:
    zone = timezone(timedelta(hours=5))
    elsewhere = replace(FACT, as_of_time=FACT.as_of_time.astimezone(zone))
    assert content_hash(elsewhere) == content_hash(FACT)
    assert content_hash(replace(FACT, sequence=2)) != content_hash(FACT)
    assert json.loads(to_json(FACT))["event_key"] == "stock-snapshot|s|id|1"


@pytest.mark.parametrize(
    ("name", "read"),
    [
        ("missing", lambda f: f.text("missing")),
        ("flag", lambda f: f.text("flag")),
        ("flag", lambda f: f.integer("flag", at_least=0)),
        ("text", lambda f: f.integer("text", at_least=0)),
        ("text", lambda f: f.flag("text")),
        ("text", lambda f: f.part("text")),
        ("text", lambda f: list(f.items("text"))),
        ("text", lambda f: f.instant("text")),
        ("text", lambda f: f.texts("text")),
        ("part.deep", lambda f: f.part("part").text("deep")),
        ("list[1]", lambda f: list(f.items("list"))),
    ],
)
def test_a_field_that_is_not_what_is_needed_is_named_by_its_path(name: str, read: object) -> None:
    fields = read_json_object(b'{"flag": true, "text": "x", "part": {}, "list": [{}, 1]}')
    with pytest.raises(DocumentFieldInvalid) as caught:
        read(fields)  # type: ignore[operator]  # a lambda of the list above
    assert caught.value.field == name


def test_a_number_is_read_as_it_was_written() -> None:
    fields = read_json_object(b'{"price": 19.990, "id": 12345678901234567890}')
    assert fields.money("price", "EUR") == euro(1999)
    assert fields.text("id") == "12345678901234567890"


@pytest.mark.parametrize("body", [b'{"a": 1', b"[1]", b'{"a": Infinity}', b"\xff"])
def test_what_is_no_object_is_malformed(body: bytes) -> None:
    with pytest.raises(DocumentMalformed):
        read_json_object(body)


def test_times_without_offset_are_no_instants() -> None:
    assert parse_instant("2026-03-02T09:00:00") is None
    assert parse_instant("2026-03-02T09:00:00+02:00") == datetime(2026, 3, 2, 7, tzinfo=UTC)
    assert parse_date("2026-02-30") is None
    assert parse_date("20260302") is None
