"""Payloads others published translate too; they lie beside the repository, not in it."""

from pathlib import Path

import pytest
from tandem_connector_sdk.documents import RawDocument, Translation, TranslationContext
from tandem_connector_sdk.models import OrderPlaced, RefundReported, Restock
from tandem_connector_shopify.plugin import plugin
from tandem_core.money import Money

SAMPLES = Path(__file__).resolve().parents[5] / "shared" / "samples" / "commerce" / "shopify"

pytestmark = pytest.mark.skipif(
    not SAMPLES.is_dir(), reason="the public samples are not beside this repository"
)


def _translate(name: str, kind: str) -> Translation:
    document = RawDocument(kind, (SAMPLES / name).read_bytes())
    return plugin.translator_for(kind).translate(document, TranslationContext("shop", {}))


def test_the_published_order_is_taken_although_it_does_not_foot() -> None:
    translation = _translate("order.json", "orders/create")
    (event,) = translation.events
    assert isinstance(event, OrderPlaced)
    assert [line.due for line in event.order.lines] == [Money("USD", 19900 + 398)] * 3
    assert event.order.stated_total == Money("USD", 40994)
    assert [finding.code for finding in translation.findings] == ["TAX_SPREAD", "TOTALS_DISAGREE"]
    assert event.order.payment_method == "card"


def test_the_published_test_order_is_ignored() -> None:
    translation = _translate("gs_order_with_transaction.json", "orders/create")
    assert (translation.events, translation.ignored) == ((), "test order")


def test_the_published_refund_is_computed_from_its_lines() -> None:
    translation = _translate("refund.json", "refunds/create")
    (event,) = translation.events
    assert isinstance(event, RefundReported)
    assert [line.restock for line in event.lines] == [Restock.RETURN] * 2
    assert [line.net_amount + line.tax_amount for line in event.lines] == [Money("USD", 20298)] * 2
    assert event.stated_total == Money("USD", 20900)
    assert "TOTALS_DISAGREE" in {finding.code for finding in translation.findings}
