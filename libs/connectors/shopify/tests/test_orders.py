"""What an order of Shopify means, and how a wrong one is told."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tandem_connector_sdk.documents import RawDocument, TranslationContext
from tandem_connector_sdk.models import Collector, OrderPlaced
from tandem_connector_shopify.orders import OrderTranslator
from tandem_core.errors import DomainError
from tandem_core.money import Money

FIXTURES = Path(__file__).parent.parent / "fixtures"
CONTEXT = TranslationContext("shop", {"channel": "web"})


def _translate(body: bytes) -> tuple[OrderPlaced, list[str]]:
    translation = OrderTranslator().translate(RawDocument("orders/create", body), CONTEXT)
    event = translation.events[0]
    assert isinstance(event, OrderPlaced)
    return event, [str(finding) for finding in translation.findings]


def _sample(name: str = "order_create.json") -> dict[str, object]:
    loaded: dict[str, object] = json.loads((FIXTURES / name).read_text(), parse_float=str)
    return loaded


def test_an_order_that_foots_has_no_finding() -> None:
    event, findings = _translate((FIXTURES / "order_create.json").read_bytes())
    assert findings == []
    assert event.order.due == event.order.stated_total == Money("USD", 14873)
    first, second = event.order.lines
    assert (first.list_amount, first.discount_amount) == (Money("USD", 10000), Money("USD", 1250))
    assert second.taxes[0].collector is Collector.MARKETPLACE
    assert len(second.taxes) == 1, "a tax of zero says nothing"


def test_prices_that_include_tax_come_out_net_and_owe_the_same() -> None:
    event, findings = _translate((FIXTURES / "order_create_taxes_included.json").read_bytes())
    (line,) = event.order.lines
    assert line.due == Money("EUR", 3 * 3999 - 1700)
    assert event.order.shipping_amount == Money("EUR", 493 - 79)
    assert findings == ["PAYMENT_METHOD_UNMAPPED: local_wallet"]


@given(
    price=st.integers(0, 10**7),
    quantity=st.integers(1, 1000),
    discount_share=st.integers(0, 100),
    tax_share=st.integers(0, 100),
)
def test_no_cent_is_lost_when_tax_is_taken_out(
    price: int, quantity: int, discount_share: int, tax_share: int
) -> None:
    listed = price * quantity
    discount = listed * discount_share // 100
    tax = (listed - discount) * tax_share // 100
    order = _sample("order_create_taxes_included.json")
    order["shipping_lines"] = []
    order["total_price"] = Money("EUR", listed - discount).to_decimal_text()
    order["line_items"] = [
        {
            "id": 1,
            "sku": "A",
            "quantity": quantity,
            "price": Money("EUR", price).to_decimal_text(),
            "discount_allocations": [{"amount": Money("EUR", discount).to_decimal_text()}],
            "tax_lines": [{"title": "T", "price": Money("EUR", tax).to_decimal_text()}],
        }
    ]
    event, findings = _translate(json.dumps(order).encode())
    (line,) = event.order.lines
    assert line.due == Money("EUR", listed - discount)
    assert line.list_amount.minor_units >= 0
    assert line.discount_amount is None or line.discount_amount.minor_units > 0
    assert not [finding for finding in findings if "TOTALS" in finding]


def test_an_order_that_does_not_foot_is_translated_with_both_totals() -> None:
    event, findings = _translate((FIXTURES / "order_create_totals_disagree.json").read_bytes())
    assert event.order.stated_total == Money("JPY", 5000)
    assert "TOTALS_DISAGREE: 5000 != 3311" in findings
    assert [line.taxes[0].amount.minor_units for line in event.order.lines] == [200, 101]


Change = Callable[[dict[str, object]], object]


def _line(order: dict[str, object]) -> dict[str, object]:
    lines = order["line_items"]
    assert isinstance(lines, list)
    first: dict[str, object] = lines[0]
    return first


WRONG: list[tuple[Change, str, str]] = [
    (lambda o: _line(o).update(quantity=-2), "DOCUMENT_FIELD_INVALID", "line_items[0].quantity"),
    (lambda o: _line(o).update(quantity=0), "DOCUMENT_FIELD_INVALID", "line_items[0].quantity"),
    (lambda o: _line(o).update(quantity="1.5"), "DOCUMENT_FIELD_INVALID", "line_items[0].quantity"),
    (lambda o: _line(o).pop("sku"), "DOCUMENT_FIELD_INVALID", "line_items[0].sku"),
    (lambda o: _line(o).update(sku=""), "DOCUMENT_FIELD_INVALID", "line_items[0].sku"),
    (lambda o: _line(o).update(price="-1.00"), "DOCUMENT_FIELD_INVALID", "line_items[0].price"),
    (lambda o: _line(o).update(price="1.005"), "AMOUNT_NOT_EXACT", "line_items[0].price"),
    (lambda o: _line(o).update(price=None), "DOCUMENT_FIELD_INVALID", "line_items[0].price"),
    (lambda o: _line(o).update(gift_card=True), "CODE_UNMAPPED", "line_items[0].gift_card"),
    (
        lambda o: _line(o).update(discount_allocations=[{"amount": "100.01"}]),
        "DOCUMENT_FIELD_INVALID",
        "line_items[0].discount_allocations",
    ),
    (lambda o: o.update(currency="EUX"), "CURRENCY_UNKNOWN", "currency"),
    (lambda o: o.update(line_items=[]), "DOCUMENT_FIELD_INVALID", "line_items"),
    (lambda o: o.update(line_items=[7]), "DOCUMENT_FIELD_INVALID", "line_items[0]"),
    (lambda o: o.update(processed_at="yesterday"), "DOCUMENT_FIELD_INVALID", "processed_at"),
    (lambda o: o.update(processed_at="2026-03-02"), "DOCUMENT_FIELD_INVALID", "processed_at"),
    (lambda o: o.pop("total_price"), "DOCUMENT_FIELD_INVALID", "total_price"),
    (lambda o: o.pop("id"), "DOCUMENT_FIELD_INVALID", "id"),
]  # fmt: skip


@pytest.mark.parametrize(("change", "reason", "field"), WRONG)
def test_a_wrong_field_is_named_with_its_reason(change: Change, reason: str, field: str) -> None:
    order = _sample()
    change(order)
    with pytest.raises(DomainError) as caught:
        _translate(json.dumps(order).encode())
    assert (caught.value.reason, caught.value.metadata()["field"]) == (reason, field)


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b"null", b"\xff\xfe", b'{"a": NaN}', b"[" * 99999]
)
def test_what_is_no_json_object_is_malformed(body: bytes) -> None:
    with pytest.raises(DomainError) as caught:
        _translate(body)
    assert caught.value.reason == "DOCUMENT_MALFORMED"


def test_a_cancelled_order_reserves_nothing() -> None:
    order = _sample() | {"cancelled_at": "2026-03-02T10:00:00Z"}
    translation = OrderTranslator().translate(
        RawDocument("orders/create", json.dumps(order).encode()), CONTEXT
    )
    assert (translation.events, translation.ignored) == ((), "cancelled before it arrived")


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3)
    ),
    max_leaves=6,
)


def _outcome(body: bytes) -> str:
    """How a payload ends: its reason when refused, else what became of it."""
    try:
        translation = OrderTranslator().translate(RawDocument("orders/create", body), CONTEXT)
    except DomainError as error:
        return error.reason
    return translation.ignored or "translated"


@given(field=st.sampled_from(sorted(_sample())), value=json_values)
def test_whatever_a_field_holds_is_translated_or_refused(field: str, value: object) -> None:
    assert _outcome(json.dumps(_sample() | {field: value}).encode())


@given(field=st.sampled_from(sorted(_line(_sample()))), value=json_values)
def test_whatever_a_line_holds_is_translated_or_refused(field: str, value: object) -> None:
    order = _sample()
    _line(order)[field] = value
    assert _outcome(json.dumps(order).encode())
