"""Translates one retail transaction: goods sold become a sale, goods returned a refund."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from tandem_connector_sdk.documents import Finding
from tandem_connector_sdk.errors import DocumentFieldInvalid
from tandem_connector_sdk.models import (
    Canonical,
    ExternalRef,
    OrderDraft,
    OrderLine,
    RefundLine,
    RefundReported,
    Restock,
    SaleReported,
    TaxLine,
    Tender,
)
from tandem_connector_sdk.net_amounts import LineAmounts, spread_taxes, without_tax
from tandem_core.money import Money

from tandem_connector_poslog.header import (
    business_date_of,
    read_header,
    transaction_key,
)
from tandem_connector_poslog.line_amounts import line_amounts, quantity_of, sku_of, tax_of
from tandem_connector_poslog.store_settings import StoreSettings
from tandem_connector_poslog.tenders import read_tenders
from tandem_connector_poslog.xml_fields import XmlFields

SALE = "sale"
_TOTALS = ("TransactionGrandAmount", "TransactionGrossAmount")


@dataclass(frozen=True, slots=True)
class _Item:
    """Goods sold or returned, with the number of their line on the receipt."""

    number: str
    fields: XmlFields


@dataclass
class _Lines:
    """The line items that move goods, by kind, and taxes stated for the whole receipt."""

    sold: list[_Item] = field(default_factory=list)
    returned: list[_Item] = field(default_factory=list)
    taxes: list[XmlFields] = field(default_factory=list)
    tenders: list[XmlFields] = field(default_factory=list)


class Receipt:
    """One `RetailTransaction`; gathers findings on the way."""

    def __init__(self, transaction: XmlFields, retail: XmlFields, settings: StoreSettings) -> None:
        self._retail = retail
        self._settings = settings
        self._header = read_header(transaction, retail, settings)
        self._lines = _sort_lines(retail)
        self.findings: list[Finding] = []

    def events(self) -> list[Canonical]:
        """A sale, a refund, or for an exchange both."""
        made: list[Canonical] = []
        if self._lines.sold:
            made.append(self._sale())
        made += self._refunds()
        return made

    def _sale(self) -> SaleReported:
        header, code = self._header, self._header.currency_code
        mixed = bool(self._lines.returned)
        amounts = self._amounts(self._lines.sold, returned=False)
        draft = OrderDraft(
            external_ref=ExternalRef(SALE, header.key),
            channel=header.store.channel,
            currency_code=code,
            place_time=header.time,
            lines=tuple(map(self._sale_line, self._lines.sold, amounts)),
            payment_method="pos",
            stated_total=None if mixed else self._stated_total(),
            display_name=header.key[-64:],
        )
        tenders = read_tenders(self._lines.tenders, code, self._settings)
        self._compare(draft, tenders, mixed)
        return SaleReported(
            sale=draft,
            location=header.store.location,
            register=header.register,
            sequence=header.sequence,
            business_date=header.business_date,
            tenders=tenders,
        )

    def _sale_line(self, item: _Item, amounts: LineAmounts) -> OrderLine:
        return OrderLine(
            line_ref=item.number,
            sku=sku_of(item.fields),
            quantity=quantity_of(item.fields, self._settings, returned=False),
            list_amount=amounts.list_amount,
            discount_amount=amounts.discount_amount or None,
            taxes=amounts.taxes,
        )

    def _refunds(self) -> list[RefundReported]:
        """One refund per original receipt the returned goods came from."""
        amounts = self._amounts(self._lines.returned, returned=True)
        by_origin: dict[str, list[RefundLine]] = {}
        for item, amount in zip(self._lines.returned, amounts, strict=True):
            origin, line = self._origin(item.fields)
            by_origin.setdefault(origin, []).append(self._refund_line(item.fields, line, amount))
        single = len(by_origin) == 1 and not self._lines.sold
        return [
            RefundReported(
                order_ref=ExternalRef(SALE, origin),
                refund_ref=ExternalRef("store_return", f"{self._header.key}|{number}"),
                refund_time=self._header.time,
                lines=tuple(lines),
                stated_total=self._stated_total() if single else None,
            )
            for number, (origin, lines) in enumerate(by_origin.items(), start=1)
        ]

    def _refund_line(self, item: XmlFields, line: str, amounts: LineAmounts) -> RefundLine:
        taxes = (tax.amount for tax in amounts.taxes)
        return RefundLine(
            line_ref=line,
            quantity=quantity_of(item, self._settings, returned=True),
            net_amount=amounts.paid,
            tax_amount=Money.total(self._header.currency_code, taxes),
            restock=Restock.RETURN,
            location=self._header.store.location,
        )

    def _origin(self, item: XmlFields) -> tuple[str, str]:
        """The receipt and line the goods were sold on; a return without one is refused."""
        link = item.first("TransactionLink")
        if link is None:
            raise DocumentFieldInvalid(item.at("TransactionLink"), "", "is missing")
        store_id = link.text("RetailStoreID", "BusinessUnit/UnitID", "UnitID", default="")
        location = (
            self._settings.store(store_id).location if store_id else self._header.store.location
        )
        register, date = link.text("WorkstationID"), business_date_of(link)
        key = transaction_key(location, register, date, link.text("SequenceNumber"))
        return key, link.text("LineItemSequenceNumber")

    def _amounts(self, items: Sequence[_Item], *, returned: bool) -> list[LineAmounts]:
        code = self._header.currency_code
        written = [line_amounts(item.fields, code, returned=returned) for item in items]
        whole = [tax for element in self._lines.taxes if (tax := tax_of(element, code))]
        written = self._with_whole_taxes(written, whole)
        net: Callable[[LineAmounts], LineAmounts] = (
            without_tax if self._settings.prices_include_tax else lambda line: line
        )
        return [net(line) for line in written]

    def _with_whole_taxes(
        self, written: list[LineAmounts], whole: Sequence[TaxLine]
    ) -> list[LineAmounts]:
        if not whole or not written or any(line.taxes for line in written):
            return written
        if self._lines.sold and self._lines.returned:
            field_path = self._retail.at("LineItem/Tax")
            raise DocumentFieldInvalid(field_path, "", "cannot be told apart in an exchange")
        self.findings.append(Finding("TAX_SPREAD", self._retail.at("LineItem/Tax")))
        return spread_taxes(written, whole)

    def _stated_total(self) -> Money | None:
        for total in self._retail.items("Total"):
            if total.attribute("TotalType") in _TOTALS:
                amount = total.own_money(self._header.currency_code)
                return -amount if amount.minor_units < 0 else amount
        return None

    def _compare(self, draft: OrderDraft, tenders: tuple[Tender, ...], mixed: bool) -> None:
        ours = draft.due.to_decimal_text()
        if draft.stated_total is not None and draft.stated_total != draft.due:
            stated = draft.stated_total.to_decimal_text()
            self.findings.append(Finding("TOTALS_DISAGREE", f"{stated} != {ours}"))
        paid = Money.total(draft.currency_code, (tender.amount for tender in tenders))
        if not mixed and paid != draft.due:
            told = f"{paid.to_decimal_text()} != {ours}"
            self.findings.append(Finding("TENDERS_DISAGREE", told))


def _sort_lines(retail: XmlFields) -> _Lines:
    """Voided lines stay in the log and mean nothing; unknown kinds (loyalty, prompts) pass."""
    lines = _Lines()
    for line in retail.items("LineItem"):
        if line.flagged("VoidFlag") or line.flagged("CancelFlag"):
            continue
        lines.taxes.extend(line.items("Tax"))
        lines.tenders.extend(line.items("Tender"))
        for kind, found in (("Sale", lines.sold), ("Return", lines.returned)):
            goods = line.first(kind)
            if goods:
                found.append(_Item(line.text("SequenceNumber"), goods))
    return lines
