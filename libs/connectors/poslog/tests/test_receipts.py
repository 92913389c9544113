"""What a receipt of a store means, and how a wrong one is told."""

from pathlib import Path

import pytest
from tandem_connector_poslog.translator import PoslogTranslator
from tandem_connector_sdk.documents import RawDocument, Translation, TranslationContext
from tandem_connector_sdk.models import RefundReported, Restock, SaleReported, TenderType
from tandem_core.errors import DomainError
from tandem_core.money import Money

STORE_DAY = (Path(__file__).parent.parent / "fixtures" / "store_day.xml").read_text()
SETTINGS: dict[str, object] = {"time_zone": "-05:00", "sku_scales": {"APPLE-KG": 3}}


def _translate(text: str, **changed: object) -> Translation:
    context = TranslationContext("stores", SETTINGS | changed)
    return PoslogTranslator().translate(RawDocument("day.xml", text.encode()), context)


def _refused(text: str, **changed: object) -> tuple[str, str]:
    with pytest.raises(DomainError) as caught:
        _translate(text, **changed)
    return caught.value.reason, caught.value.metadata().get("field", "")


def test_a_sale_carries_its_goods_its_tenders_and_its_change() -> None:
    sale, refund = _translate(STORE_DAY).events
    assert isinstance(sale, SaleReported)
    assert [(line.sku, line.quantity) for line in sale.sale.lines] == [
        ("TEE-BLUE-M", 2),
        ("APPLE-KG", 420),
    ]
    assert sale.sale.lines[0].list_amount == Money("USD", 10000)
    assert sale.sale.due == sale.sale.stated_total == Money("USD", 9891)
    assert [(tender.type, tender.amount.minor_units) for tender in sale.tenders] == [
        (TenderType.CARD, 5000),
        (TenderType.CASH, 5000),
        (TenderType.CASH, -109),
    ]
    assert sale.aggregate_key == "store-101|3|2026-03-02|42"
    assert isinstance(refund, RefundReported)
    assert refund.order_ref.id == sale.sale.external_ref.id


def test_a_return_is_positive_whatever_sign_the_dialect_writes() -> None:
    negative_amount = STORE_DAY.replace("<ExtendedAmount>45.00<", "<ExtendedAmount>-45.00<", 2)
    for text in (
        STORE_DAY,
        STORE_DAY.replace("-3.83", "3.83").replace("<Quantity>-1<", "<Quantity>1<"),
        negative_amount.replace("<ItemID>CAP-RED</ItemID><ExtendedAmount>-", "<ExtendedAmount>"),
    ):
        refund = _translate(text).events[1]
        assert isinstance(refund, RefundReported)
        (line,) = refund.lines
        assert (line.quantity, line.net_amount, line.tax_amount) == (
            1,
            Money("USD", 4500),
            Money("USD", 383),
        )
        assert (line.restock, line.line_ref) == (Restock.RETURN, "1")
        assert refund.stated_total == Money("USD", 4883)


def test_what_moves_no_goods_is_counted_and_passed_over() -> None:
    translation = _translate(STORE_DAY)
    told = [str(finding) for finding in translation.findings]
    assert told == ["PASSED_OVER: ControlTransaction 1, training 1"]


def test_a_local_time_is_read_in_the_store_s_zone() -> None:
    sale = _translate(STORE_DAY).events[0]
    assert isinstance(sale, SaleReported)
    assert sale.sale.place_time.isoformat() == "2026-03-02T14:30:00+00:00"
    assert _refused(STORE_DAY, time_zone="") == (
        "DOCUMENT_FIELD_INVALID",
        "Transaction[3]/RetailTransaction/EndDateTime".replace("/RetailTransaction", ""),
    )


def test_prices_that_include_tax_come_out_net() -> None:
    sale = _translate(STORE_DAY, prices_include_tax=True).events[0]
    assert isinstance(sale, SaleReported)
    assert sale.sale.lines[0].due == Money("USD", 9000)


def test_tax_stated_for_the_whole_receipt_is_spread_over_its_lines() -> None:
    text = STORE_DAY.replace(
        '<Tax TaxType="Sales"><TaxAuthority>US-NY</TaxAuthority><Amount>7.65</Amount></Tax>', ""
    ).replace(
        "<LineItem><SequenceNumber>6<",
        "<LineItem><SequenceNumber>7</SequenceNumber><Tax><Amount>7.65</Amount></Tax></LineItem>"
        "<LineItem><SequenceNumber>6<",
    )
    translation = _translate(text)
    sale = translation.events[0]
    assert isinstance(sale, SaleReported)
    assert sale.sale.due == Money("USD", 9891)
    assert "TAX_SPREAD" in {finding.code for finding in translation.findings}


LINE = "Transaction[3]/RetailTransaction/LineItem"
LINK = "Transaction[4]/RetailTransaction/LineItem[1]/Return/TransactionLink"


@pytest.mark.parametrize(
    ("old", "new", "reason", "field"),
    [
        (">0.42<", ">0.4201<", "QUANTITY_NOT_EXACT", f"{LINE}[2]/Sale/Quantity"),
        ("<Quantity>2<", "<Quantity>-2<", "DOCUMENT_FIELD_INVALID", f"{LINE}[1]/Sale/Quantity"),
        ("<Quantity>2<", "<Quantity>two<", "QUANTITY_NOT_EXACT", f"{LINE}[1]/Sale/Quantity"),
        (">90.00<", ">90.005<", "AMOUNT_NOT_EXACT", f"{LINE}[1]/Sale/ExtendedAmount"),
        (">90.00<", ">-90.00<", "DOCUMENT_FIELD_INVALID", f"{LINE}[1]/Sale/ExtendedAmount"),
        ("<ItemID>TEE-BLUE-M</ItemID>", "", "DOCUMENT_FIELD_INVALID", f"{LINE}[1]/Sale/ItemID"),
        (
            '"Cash" TypeCode="Sale"',
            '"Voucher" TypeCode="Sale"',
            "CODE_UNMAPPED",
            f"{LINE}[5]/Tender[1]/@TenderType",
        ),
        (
            "<CurrencyCode>USD<",
            "<CurrencyCode>EUX<",
            "CURRENCY_UNKNOWN",
            "Transaction[3]/CurrencyCode",
        ),
        (">43</Seq", ">4x</Seq", "DOCUMENT_FIELD_INVALID", "Transaction[4]/SequenceNumber"),
        (
            "<WorkstationID>3</WorkstationID><B",
            "<B",
            "DOCUMENT_FIELD_INVALID",
            f"{LINK}/WorkstationID",
        ),
        ("ControlTransaction>", "PostVoidTransaction>", "CODE_UNMAPPED", "Transaction[1]"),
    ],
)
def test_a_wrong_field_is_named_with_its_reason(
    old: str, new: str, reason: str, field: str
) -> None:
    assert old in STORE_DAY
    assert _refused(STORE_DAY.replace(old, new)) == (reason, field)


def test_a_weight_without_a_scale_is_refused() -> None:
    assert _refused(STORE_DAY, sku_scales={}) == (
        "QUANTITY_NOT_EXACT",
        f"{LINE}[2]/Sale/Quantity",
    )


@pytest.mark.parametrize(
    "text",
    [
        "",
        "<POSLog>",
        "no xml",
        '<!DOCTYPE x [<!ENTITY a "b">]><POSLog>&a;</POSLog>',
        '<?xml version="1.0" encoding="klingon"?><POSLog/>',
        '<!DOCTYPE POSLog SYSTEM "file:///etc/passwd"><POSLog/>',
    ],
)
def test_broken_or_dangerous_xml_is_malformed(text: str) -> None:
    assert _refused(text)[0] == "DOCUMENT_MALFORMED"


def test_another_root_is_no_poslog() -> None:
    assert _refused("<Invoice/>") == ("DOCUMENT_FIELD_INVALID", "Invoice")
