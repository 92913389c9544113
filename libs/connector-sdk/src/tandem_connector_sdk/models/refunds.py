"""Refunds a channel reports."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import ClassVar

from tandem_core.money import Money

from tandem_connector_sdk.models.orders import ExternalRef


class Restock(StrEnum):
    """What a channel says of the goods of a refunded line."""

    NONE = "NONE"
    CANCEL = "CANCEL"
    RETURN = "RETURN"


@dataclass(frozen=True, slots=True)
class RefundLine:
    """One line given back; amounts net of tax and its tax, both positive."""

    line_ref: str
    quantity: int
    net_amount: Money
    tax_amount: Money
    restock: Restock
    location: str = ""


@dataclass(frozen=True, slots=True)
class RefundReported:
    """Money and perhaps goods go back; without lines it is goodwill."""

    aggregate_type: ClassVar[str] = "external_order"
    order_ref: ExternalRef
    refund_ref: ExternalRef
    refund_time: datetime
    lines: tuple[RefundLine, ...] = ()
    shipping_amount: Money | None = None
    shipping_tax_amount: Money | None = None
    stated_total: Money | None = None

    @property
    def aggregate_key(self) -> str:
        """The order's id: a refund must not overtake its order."""
        return self.order_ref.id

    @property
    def event_key(self) -> str:
        """A refund is reported once."""
        return f"refund-reported|{self.refund_ref.id}"
