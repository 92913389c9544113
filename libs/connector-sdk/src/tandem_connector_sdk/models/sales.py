"""Sales over the counter."""

from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar

from tandem_core.money import Money

from tandem_connector_sdk.models.orders import OrderDraft


class TenderType(StrEnum):
    """What was given in payment."""

    CASH = "CASH"
    CARD = "CARD"
    GIFT_CARD = "GIFT_CARD"


@dataclass(frozen=True, slots=True)
class Tender:
    """One payment; negative for change given back."""

    type: TenderType
    amount: Money
    reference: str = ""


@dataclass(frozen=True, slots=True)
class SaleReported:
    """A receipt of a store. `business_date` is the store's accounting date, `YYYY-MM-DD`."""

    aggregate_type: ClassVar[str] = "store_sale"
    sale: OrderDraft
    location: str
    register: str
    sequence: int
    business_date: str
    tenders: tuple[Tender, ...]

    @property
    def aggregate_key(self) -> str:
        """The natural key of a receipt."""
        return f"{self.location}|{self.register}|{self.business_date}|{self.sequence}"

    @property
    def event_key(self) -> str:
        """A receipt is reported once, in whichever file."""
        return f"sale-reported|{self.aggregate_key}"
