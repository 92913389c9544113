"""Orders in canonical form."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import ClassVar

from tandem_core.money import Money


@dataclass(frozen=True, slots=True)
class ExternalRef:
    """The name of an object at the connection: its kind and its id, as text and unchanged."""

    type: str
    id: str


class Collector(StrEnum):
    """Who owes a tax to the authority."""

    SELLER = "SELLER"
    MARKETPLACE = "MARKETPLACE"


@dataclass(frozen=True, slots=True)
class TaxLine:
    """One tax as the channel computed it; never recomputed."""

    jurisdiction: str
    amount: Money
    collector: Collector = Collector.SELLER


@dataclass(frozen=True, slots=True)
class OrderLine:
    """One line. Quantity in the SKU's minor unit; amounts of the whole line, net of tax."""

    line_ref: str
    sku: str
    quantity: int
    list_amount: Money
    discount_amount: Money | None = None
    funded_discount_amount: Money | None = None
    taxes: tuple[TaxLine, ...] = ()

    @property
    def due(self) -> Money:
        """What the customer owes for the line, tax included."""
        amount = self.list_amount
        for discount in (self.discount_amount, self.funded_discount_amount):
            amount = amount - discount if discount else amount
        return sum_taxes(amount, self.taxes)


@dataclass(frozen=True, slots=True)
class ShipTo:
    """A delivery address. Personal: it travels in marked fields only and is never logged."""

    recipient: str = ""
    street_lines: tuple[str, ...] = ()
    city: str = ""
    region: str = ""
    postal_code: str = ""
    country_code: str = ""


@dataclass(frozen=True, slots=True)
class OrderDraft:
    """An order, or a store's receipt, as the channel placed it. All amounts of one currency."""

    external_ref: ExternalRef
    channel: str
    currency_code: str
    place_time: datetime
    lines: tuple[OrderLine, ...]
    payment_method: str
    shipping_amount: Money | None = None
    shipping_taxes: tuple[TaxLine, ...] = ()
    stated_total: Money | None = None
    ship_to: ShipTo | None = None
    display_name: str = ""

    @property
    def due(self) -> Money:
        """What the customer owes by our sum: lines less discounts, tax, shipping and its tax."""
        total = Money.total(self.currency_code, (line.due for line in self.lines))
        total = total + self.shipping_amount if self.shipping_amount else total
        return sum_taxes(total, self.shipping_taxes)


def sum_taxes(net: Money, taxes: tuple[TaxLine, ...]) -> Money:
    """`net` plus its taxes."""
    for tax in taxes:
        net = net + tax.amount
    return net


@dataclass(frozen=True, slots=True)
class OrderPlaced:
    """A channel placed an order."""

    aggregate_type: ClassVar[str] = "external_order"
    order: OrderDraft

    @property
    def aggregate_key(self) -> str:
        """The order's id outside."""
        return self.order.external_ref.id

    @property
    def event_key(self) -> str:
        """An order is placed once, however often it is told."""
        return f"order-placed|{self.order.external_ref.id}"
