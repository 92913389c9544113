"""What a refund of Shopify means."""

import json
from pathlib import Path

import pytest
from tandem_connector_sdk.documents import RawDocument, TranslationContext
from tandem_connector_sdk.models import RefundReported, Restock
from tandem_connector_shopify.refunds import RefundTranslator
from tandem_core.errors import DomainError
from tandem_core.money import Money

FIXTURES = Path(__file__).parent.parent / "fixtures"


def _translate(
    payload: dict[str, object], settings: dict[str, object] | None = None
) -> tuple[RefundReported, list[str]]:
    document = RawDocument("refunds/create", json.dumps(payload).encode())
    context = TranslationContext("shop", settings or {})
    translation = RefundTranslator().translate(document, context)
    event = translation.events[0]
    assert isinstance(event, RefundReported)
    return event, [str(finding) for finding in translation.findings]


def _sample(name: str = "refund_create.json") -> dict[str, object]:
    loaded: dict[str, object] = json.loads((FIXTURES / name).read_text(), parse_float=str)
    return loaded


def test_a_refund_that_foots_keeps_what_goes_back_apart_from_what_stays() -> None:
    event, findings = _translate(_sample())
    assert findings == []
    assert [line.restock for line in event.lines] == [Restock.RETURN, Restock.NONE]
    assert event.lines[0].net_amount == Money("USD", 4375)
    assert (event.shipping_amount, event.shipping_tax_amount) == (
        Money("USD", 500),
        Money("USD", 40),
    )
    assert event.stated_total == Money("USD", 9707), "the failed attempt gave nothing back"
    assert event.aggregate_key == "5501000000001"


def test_goodwill_has_money_and_no_lines() -> None:
    event, findings = _translate(_sample("refund_create_goodwill.json"))
    assert (event.lines, event.stated_total, findings) == ((), Money("EUR", 500), [])


def test_tax_is_taken_out_where_the_shop_s_prices_include_it() -> None:
    event, _ = _translate(_sample(), {"taxes_included": True})
    assert event.lines[0].net_amount == Money("USD", 4375 - 372)


def test_an_unknown_restock_type_is_never_guessed() -> None:
    refund = _sample()
    lines = refund["refund_line_items"]
    assert isinstance(lines, list)
    lines[0]["restock_type"] = "teleported"
    with pytest.raises(DomainError) as caught:
        _translate(refund)
    assert caught.value.reason == "CODE_UNMAPPED"
    assert caught.value.metadata()["field"] == "refund_line_items[0].restock_type"


def test_a_refund_without_any_currency_takes_the_connection_s_or_is_refused() -> None:
    refund = _sample("refund_create_goodwill.json")
    refund["transactions"] = []
    assert _translate(refund, {"currency": "EUR"})[0].stated_total is None
    with pytest.raises(DomainError) as caught:
        _translate(refund)
    assert caught.value.metadata()["field"] == "transactions[0].currency"
