"""Amounts, discounts and taxes as Shopify writes them on lines, shipping and orders."""

from tandem_connector_sdk.errors import DocumentFieldInvalid
from tandem_connector_sdk.json_fields import JsonFields
from tandem_connector_sdk.models import Collector, TaxLine
from tandem_core.money import Money

TITLE_CHARACTERS_MAX = 100


def not_negative(fields: JsonFields, name: str, currency_code: str) -> Money:
    """An amount of at least zero."""
    amount = fields.money(name, currency_code)
    if amount.minor_units < 0:
        raise DocumentFieldInvalid(fields.path(name), fields.text(name), "must be at least 0")
    return amount


def discount_of(fields: JsonFields, listed: Money) -> Money:
    """The allocated discounts; the older single field where there are no allocations."""
    code = listed.currency_code
    allocated = [
        not_negative(part, "amount", code) for part in fields.items("discount_allocations")
    ]
    if not allocated and fields.has("total_discount"):
        allocated = [not_negative(fields, "total_discount", code)]
    discount = Money.total(code, allocated)
    if discount > listed:
        where = fields.path("discount_allocations")
        raise DocumentFieldInvalid(where, discount.to_decimal_text(), "more than the line costs")
    return discount


def taxes_of(fields: JsonFields, currency_code: str) -> tuple[TaxLine, ...]:
    """The taxes that are not zero; `channel_liable` ones are the marketplace's to remit."""
    taxes = [
        TaxLine(
            tax.text("title", "tax")[:TITLE_CHARACTERS_MAX] or "tax",
            not_negative(tax, "price", currency_code),
            Collector.MARKETPLACE if tax.flag("channel_liable") else Collector.SELLER,
        )
        for tax in fields.items("tax_lines")
    ]
    return tuple(tax for tax in taxes if tax.amount)
