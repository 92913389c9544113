"""Order drafts between wire and domain."""

from __future__ import annotations

from collections.abc import Iterable

from tandem.order.v1.order_draft_pb2 import OrderDraft as DraftMessage
from tandem.order.v1.order_draft_pb2 import OrderDraftLine as LineMessage
from tandem.order.v1.order_draft_pb2 import ShipTo as ShipToMessage
from tandem.order.v1.order_draft_pb2 import TaxLine
from tandem_core.money import currency_exponent

from tandem_order_orchestrator.adapters.wire.enum_mapping import checked_enum
from tandem_order_orchestrator.adapters.wire.money_mapping import (
    from_money,
    from_ref,
    from_time,
    to_money,
    to_ref,
    to_time,
)
from tandem_order_orchestrator.domain.draft import DraftLine, OrderDraft, ShipTo, Tax

_SELLER = TaxLine.COLLECTOR_SELLER


def from_draft(message: DraftMessage) -> OrderDraft:
    """Raises CurrencyUnknown, CurrencyMismatch or UnsupportedEnum."""
    currency = message.currency_code
    currency_exponent(currency, "order.currency_code")
    stated = message.stated_total
    return OrderDraft(
        external_ref=from_ref(message.external_ref),
        channel=message.channel,
        currency_code=currency,
        placed_at=from_time(message.place_time),
        lines=tuple(_from_line(line, currency) for line in message.lines),
        payment_method=message.payment_method,
        shipping_amount=from_money(message.shipping_amount, currency),
        shipping_taxes=from_taxes(message.shipping_taxes, currency),
        stated_total=from_money(stated, currency) if message.HasField("stated_total") else None,
        ship_to=_from_ship_to(message.ship_to),
        display_name=message.display_name or message.external_ref.id,
    )


def _from_line(message: LineMessage, currency: str) -> DraftLine:
    return DraftLine(
        line_ref=message.line_ref,
        sku=message.sku,
        quantity=message.quantity,
        list_amount=from_money(message.list_amount, currency),
        discount_amount=from_money(message.discount_amount, currency),
        funded_discount_amount=from_money(message.funded_discount_amount, currency),
        taxes=from_taxes(message.taxes, currency),
    )


def from_taxes(messages: Iterable[TaxLine], currency: str) -> tuple[Tax, ...]:
    """Taxes; an unknown collector is never guessed."""
    return tuple(
        Tax(
            tax.jurisdiction,
            from_money(tax.amount, currency),
            checked_enum(tax, "collector") == _SELLER,
        )
        for tax in messages
    )


def _from_ship_to(message: ShipToMessage) -> ShipTo:
    return ShipTo(
        recipient=message.recipient,
        street_lines=tuple(message.street_lines),
        city=message.city,
        region=message.region,
        postal_code=message.postal_code,
        country_code=message.country_code,
    )


def to_draft(draft: OrderDraft) -> DraftMessage:
    """The draft as placed."""
    currency = draft.currency_code
    message = DraftMessage(
        external_ref=to_ref(draft.external_ref),
        channel=draft.channel,
        currency_code=currency,
        place_time=to_time(draft.placed_at),
        lines=[to_draft_line(line, currency) for line in draft.lines],
        payment_method=draft.payment_method,
        shipping_amount=to_money(draft.shipping_amount, currency),
        shipping_taxes=to_taxes(draft.shipping_taxes, currency),
        display_name=draft.display_name,
    )
    if draft.stated_total is not None:
        message.stated_total.CopyFrom(to_money(draft.stated_total, currency))
    return message


def to_draft_line(line: DraftLine, currency: str) -> LineMessage:
    """One line."""
    return LineMessage(
        line_ref=line.line_ref,
        sku=line.sku,
        quantity=line.quantity,
        list_amount=to_money(line.list_amount, currency),
        discount_amount=to_money(line.discount_amount, currency),
        funded_discount_amount=to_money(line.funded_discount_amount, currency),
        taxes=to_taxes(line.taxes, currency),
    )


def to_taxes(taxes: Iterable[Tax], currency: str) -> list[TaxLine]:
    """Taxes."""
    return [
        TaxLine(
            jurisdiction=tax.jurisdiction,
            amount=to_money(tax.amount, currency),
            collector=_SELLER if tax.seller_collects else TaxLine.COLLECTOR_MARKETPLACE,
        )
        for tax in taxes
    ]
