"""Translates `orders/create`: the webhook's bare order, or one wrapped as the REST API wraps it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from tandem_connector_sdk.documents import Finding, RawDocument, Translation, TranslationContext
from tandem_connector_sdk.errors import CodeUnmapped, DocumentFieldInvalid
from tandem_connector_sdk.json_fields import JsonFields, read_json_object
from tandem_connector_sdk.models import ExternalRef, OrderDraft, OrderLine, OrderPlaced, TaxLine
from tandem_connector_sdk.net_amounts import LineAmounts, spread_taxes, without_tax
from tandem_core.currencies import currency_exponent
from tandem_core.money import Money

from tandem_connector_shopify.address import ship_to
from tandem_connector_shopify.amounts import discount_of, not_negative, taxes_of
from tandem_connector_shopify.settings import channel_of, payment_method_of


class OrderTranslator:
    """Shopify's order as an OrderPlaced.

    Amounts are those in the shop's own currency. Orders that do not foot are translated with a
    finding: vendors' own examples do not foot, and a refused order is a lost sale.
    """

    kinds: ClassVar[frozenset[str]] = frozenset({"orders/create"})

    def translate(self, document: RawDocument, context: TranslationContext) -> Translation:
        """Raises a DomainError naming the field."""
        order = read_json_object(document.body)
        if order.has("order") and not order.has("line_items"):
            order = order.part("order")
        if order.flag("test"):
            return Translation(ignored="test order")
        if order.has("cancelled_at"):
            return Translation(ignored="cancelled before it arrived")
        return _translate(order, context)


@dataclass(frozen=True, slots=True)
class _Money:
    """How this order writes money."""

    currency_code: str
    taxes_included: bool


def _translate(order: JsonFields, context: TranslationContext) -> Translation:
    findings: list[Finding] = []
    money = _money_of(order)
    method, unmapped = payment_method_of(order, context)
    address, unreadable = ship_to(order)
    findings += [finding for finding in (unmapped, unreadable) if finding]
    shipping = _shipping(order, money)
    draft = OrderDraft(
        external_ref=ExternalRef("order", order.text("id")),
        channel=channel_of(context),
        currency_code=money.currency_code,
        place_time=order.instant("processed_at" if order.has("processed_at") else "created_at"),
        lines=_lines(order, money, findings),
        payment_method=method,
        shipping_amount=shipping.paid if shipping else None,
        shipping_taxes=shipping.taxes if shipping else (),
        stated_total=order.money("total_price", money.currency_code),
        ship_to=address,
        display_name=order.text("name", ""),
    )
    findings += _totals_disagree(draft)
    return Translation((OrderPlaced(draft),), tuple(findings))


def _money_of(order: JsonFields) -> _Money:
    code = order.text("currency")
    currency_exponent(code, order.path("currency"))
    return _Money(code, order.flag("taxes_included"))


def _lines(order: JsonFields, money: _Money, findings: list[Finding]) -> tuple[OrderLine, ...]:
    items = list(order.items("line_items"))
    if not items:
        raise DocumentFieldInvalid(order.path("line_items"), "", "an order has at least one line")
    written = [_line_amounts(item, money) for item in items]
    whole_order = _taxes_only_of_the_order(order, written, money)
    if whole_order:
        findings.append(Finding("TAX_SPREAD", "the order states its taxes only as a whole"))
        written = spread_taxes(written, whole_order)
    net = [without_tax(line) for line in written] if money.taxes_included else written
    return tuple(_line(item, amounts) for item, amounts in zip(items, net, strict=True))


def _line_amounts(item: JsonFields, money: _Money) -> LineAmounts:
    if item.flag("gift_card"):
        # A gift card sold is a debt to its holder: as goods it would be posted as revenue.
        raise CodeUnmapped(item.path("gift_card"), "true")
    price = not_negative(item, "price", money.currency_code)
    listed = price * item.integer("quantity", at_least=1)
    return _written(item, listed, money)


def _written(fields: JsonFields, listed: Money, money: _Money) -> LineAmounts:
    amounts = LineAmounts(
        listed, discount_of(fields, listed), taxes_of(fields, money.currency_code)
    )
    tax = Money.total(money.currency_code, (line.amount for line in amounts.taxes))
    if money.taxes_included and tax > amounts.paid:
        where = fields.path("tax_lines")
        raise DocumentFieldInvalid(where, tax.to_decimal_text(), "more than the price it is in")
    return amounts


def _line(item: JsonFields, amounts: LineAmounts) -> OrderLine:
    return OrderLine(
        line_ref=item.text("id"),
        sku=item.text("sku"),
        quantity=item.integer("quantity", at_least=1),
        list_amount=amounts.list_amount,
        discount_amount=amounts.discount_amount or None,
        taxes=amounts.taxes,
    )


def _taxes_only_of_the_order(
    order: JsonFields, written: Sequence[LineAmounts], money: _Money
) -> tuple[TaxLine, ...]:
    """Old orders carry `tax_lines` only on the order; newer ones repeat there what lines say."""
    detailed = any(line.taxes for line in written) or any(
        line.has("tax_lines") and list(line.items("tax_lines"))
        for line in order.items("shipping_lines")
    )
    return () if detailed else taxes_of(order, money.currency_code)


def _shipping(order: JsonFields, money: _Money) -> LineAmounts | None:
    """Shipping as one net amount with its taxes; None when there is none to pay."""
    zero = Money.zero(money.currency_code)
    total = LineAmounts(zero, zero, ())
    for line in order.items("shipping_lines"):
        if line.flag("is_removed"):
            continue
        listed = not_negative(line, "price", money.currency_code)
        written = _written(line, listed, money)
        net = without_tax(written) if money.taxes_included else written
        total = LineAmounts(total.list_amount + net.paid, zero, total.taxes + net.taxes)
    return total if total.list_amount or total.taxes else None


def _totals_disagree(draft: OrderDraft) -> list[Finding]:
    ours = draft.due
    if draft.stated_total is None or draft.stated_total == ours:
        return []
    stated = draft.stated_total.to_decimal_text()
    return [Finding("TOTALS_DISAGREE", f"{stated} != {ours.to_decimal_text()}")]
