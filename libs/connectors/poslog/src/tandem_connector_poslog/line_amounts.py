"""Amounts and taxes of a sold or returned item, signs made positive."""

from tandem_connector_sdk.errors import DocumentFieldInvalid
from tandem_connector_sdk.models import TaxLine
from tandem_connector_sdk.net_amounts import LineAmounts
from tandem_core.money import Money
from tandem_core.quantity import quantity_from_decimal_text

from tandem_connector_poslog.store_settings import StoreSettings
from tandem_connector_poslog.xml_fields import XmlFields


def sku_of(item: XmlFields) -> str:
    """The item's number, as the register knows it."""
    return item.text("ItemID", "POSIdentity/POSItemID", "POSItemID")


def quantity_of(item: XmlFields, settings: StoreSettings, *, returned: bool) -> int:
    """At least 1 in the SKU's minor unit; raises QuantityNotExact for a weight without a scale.

    Some dialects write returned quantities negative, some positive; a sold one is positive.
    """
    text = item.text("Quantity", default="1")
    field = item.at("Quantity")
    quantity = quantity_from_decimal_text(text, settings.scale(sku_of(item)), field)
    quantity = abs(quantity) if returned else quantity
    if quantity < 1:
        raise DocumentFieldInvalid(field, text, "must be above 0")
    return quantity


def line_amounts(item: XmlFields, currency_code: str, *, returned: bool) -> LineAmounts:
    """What the item cost after its discounts, its list value, and its own taxes."""
    paid = item.money("ExtendedAmount", currency_code=currency_code)
    paid = _abs(paid) if returned else paid
    if paid.minor_units < 0:
        field = item.at("ExtendedAmount")
        raise DocumentFieldInvalid(field, paid.to_decimal_text(), "must be at least 0")
    discount = _abs(_discount(item, currency_code))
    return LineAmounts(paid + discount, discount, taxes_of(item, currency_code))


def _discount(item: XmlFields, currency_code: str) -> Money:
    if item.first("ExtendedDiscountAmount"):
        return item.money("ExtendedDiscountAmount", currency_code=currency_code)
    return Money.total(
        currency_code,
        (
            modifier.money("Amount", currency_code=currency_code, default="0")
            for modifier in item.items("RetailPriceModifier")
        ),
    )


def taxes_of(parent: XmlFields, currency_code: str) -> tuple[TaxLine, ...]:
    """The `Tax` children that are not zero."""
    return tuple(tax for element in parent.items("Tax") if (tax := tax_of(element, currency_code)))


def tax_of(element: XmlFields, currency_code: str) -> TaxLine | None:
    """One tax, or None when it is zero."""
    amount = _abs(element.money("Amount", currency_code=currency_code))
    name = element.text("TaxAuthority", "TaxRuleID", "TaxGroupID", default="")
    name = name or element.attribute("TaxType") or "tax"
    return TaxLine(name[:100], amount) if amount else None


def _abs(amount: Money) -> Money:
    return -amount if amount.minor_units < 0 else amount
