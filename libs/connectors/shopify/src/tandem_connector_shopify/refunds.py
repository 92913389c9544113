"""Translates `refunds/create`."""

from typing import ClassVar

from tandem_connector_sdk.documents import Finding, RawDocument, Translation, TranslationContext
from tandem_connector_sdk.errors import CodeUnmapped, DocumentFieldInvalid
from tandem_connector_sdk.json_fields import JsonFields, read_json_object
from tandem_connector_sdk.models import ExternalRef, RefundLine, RefundReported, Restock
from tandem_core.currencies import currency_exponent
from tandem_core.money import Money, split_by_weights

from tandem_connector_shopify.amounts import discount_of, not_negative, taxes_of

RESTOCKS = {"no_restock": Restock.NONE, "cancel": Restock.CANCEL, "return": Restock.RETURN}
"""`cancel` was never shipped, `return` was: they have different journals."""


class RefundTranslator:
    """Shopify's refund as a RefundReported; without lines it is goodwill."""

    kinds: ClassVar[frozenset[str]] = frozenset({"refunds/create"})

    def translate(self, document: RawDocument, context: TranslationContext) -> Translation:
        """Raises a DomainError naming the field."""
        refund = read_json_object(document.body)
        if refund.has("refund") and not refund.has("order_id"):
            refund = refund.part("refund")
        transactions = list(refund.items("transactions"))
        if transactions and all(transaction.flag("test") for transaction in transactions):
            return Translation(ignored="test refund")
        return _Refund(refund, context).translate()


class _Refund:
    """One refund being read; gathers findings on the way."""

    def __init__(self, refund: JsonFields, context: TranslationContext) -> None:
        self._refund = refund
        self._taxes_included = context.settings.get("taxes_included") is True
        self._code = _currency(refund, context)
        self._findings: list[Finding] = []

    def translate(self) -> Translation:
        """The refund with its findings."""
        refund = self._refund
        shipping, shipping_tax = self._shipping()
        event = RefundReported(
            order_ref=ExternalRef("order", refund.text("order_id")),
            refund_ref=ExternalRef("refund", refund.text("id")),
            refund_time=refund.instant("created_at"),
            lines=tuple(self._line(item) for item in refund.items("refund_line_items")),
            shipping_amount=shipping or None,
            shipping_tax_amount=shipping_tax or None,
            stated_total=self._stated_total(),
        )
        self._compare_totals(event)
        return Translation((event,), tuple(self._findings))

    def _line(self, item: JsonFields) -> RefundLine:
        quantity = item.integer("quantity", at_least=1)
        if item.has("subtotal"):
            subtotal = not_negative(item, "subtotal", self._code)
            tax = item.money("total_tax", self._code, "0")
        else:
            subtotal, tax = self._from_order_line(item, quantity)
        return RefundLine(
            line_ref=item.text("line_item_id"),
            quantity=quantity,
            net_amount=subtotal - tax if self._taxes_included else subtotal,
            tax_amount=tax,
            restock=self._restock(item),
            location=item.text("location_id", ""),
        )

    def _from_order_line(self, item: JsonFields, quantity: int) -> tuple[Money, Money]:
        """Old refunds state no amounts: the refunded share of what the line cost."""
        line = item.part("line_item")
        ordered = line.integer("quantity", at_least=1)
        if quantity > ordered:
            raise DocumentFieldInvalid(item.path("quantity"), str(quantity), "more than ordered")
        listed = not_negative(line, "price", self._code) * ordered
        paid = listed - discount_of(line, listed)
        tax = Money.total(self._code, (tax.amount for tax in taxes_of(line, self._code)))
        self._note("REFUND_COMPUTED", f"{item.path('subtotal')} is not stated")
        weights = [quantity, ordered - quantity]
        share = [split_by_weights(part.minor_units, weights)[0] for part in (paid, tax)]
        return Money(self._code, share[0]), Money(self._code, share[1])

    def _restock(self, item: JsonFields) -> Restock:
        stated = item.text("restock_type", "")
        if stated in RESTOCKS:
            return RESTOCKS[stated]
        if stated not in ("", "legacy_restock"):
            raise CodeUnmapped(item.path("restock_type"), stated)
        if stated == "" and not self._refund.has("restock"):
            raise DocumentFieldInvalid(item.path("restock_type"), "", "is missing")
        self._note("RESTOCK_TYPE_MISSING", item.path("restock_type"))
        returned = stated == "legacy_restock" or self._refund.flag("restock")
        return Restock.RETURN if returned else Restock.NONE

    def _shipping(self) -> tuple[Money, Money]:
        amount = tax = Money.zero(self._code)
        for adjustment in self._refund.items("order_adjustments"):
            if adjustment.text("kind", "") != "shipping_refund":
                self._note("ORDER_ADJUSTMENT", adjustment.text("kind", "unnamed"))
                continue
            # Written from the shop's side: money that leaves is negative.
            stated = -adjustment.money("amount", self._code)
            stated_tax = -adjustment.money("tax_amount", self._code, "0")
            amount += stated - stated_tax if self._taxes_included else stated
            tax += stated_tax
        return amount, tax

    def _stated_total(self) -> Money | None:
        paid = [
            not_negative(transaction, "amount", self._code)
            for transaction in self._refund.items("transactions")
            if transaction.text("kind", "") == "refund"
            and transaction.text("status", "success") == "success"
        ]
        return Money.total(self._code, paid) if paid else None

    def _compare_totals(self, event: RefundReported) -> None:
        parts = [line.net_amount + line.tax_amount for line in event.lines]
        parts += [part for part in (event.shipping_amount, event.shipping_tax_amount) if part]
        ours = Money.total(self._code, parts)
        if event.stated_total is not None and parts and event.stated_total != ours:
            stated = event.stated_total.to_decimal_text()
            self._note("TOTALS_DISAGREE", f"{stated} != {ours.to_decimal_text()}")

    def _note(self, code: str, detail: str) -> None:
        self._findings.append(Finding(code, detail))


def _currency(refund: JsonFields, context: TranslationContext) -> str:
    """A refund states its currency only inside its parts; then the connection's setting."""
    for transaction in refund.items("transactions"):
        if transaction.has("currency"):
            return _known(transaction.text("currency"), transaction.path("currency"))
    for item in refund.items("refund_line_items"):
        if item.has("subtotal_set"):
            shop_money = item.part("subtotal_set").part("shop_money")
            return _known(shop_money.text("currency_code"), shop_money.path("currency_code"))
    configured = context.settings.get("currency")
    if isinstance(configured, str):
        return _known(configured, "settings.currency")
    raise DocumentFieldInvalid(refund.path("transactions[0].currency"), "", "is missing")


def _known(code: str, field: str) -> str:
    currency_exponent(code, field)
    return code
