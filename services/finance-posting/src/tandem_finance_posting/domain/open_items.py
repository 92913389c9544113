"""What is open between an order's deposit and its receivable.

A shipment always debits AR_ORDER and a capture always credits CUSTOMER_DEPOSIT. What is applied is
a formula of the two sums, never a matter of which came first: also when one is undone later.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date
from typing import NamedTuple

NO_DATE = date.max


class OrderMovement(NamedTuple):
    """What journals move of an order, in minor units of its currency."""

    receivable: int = 0
    deposit: int = 0
    paid: int = 0
    refunded: int = 0


@dataclass(frozen=True)
class OpenItems:
    """Sums of one order in minor units of its currency, before anything was applied."""

    receivable: int = 0
    deposit: int = 0
    applied: int = 0
    applications: int = 0
    """Journals of applications so far: part of their keys."""
    currency_code: str = ""
    rate_date: date = NO_DATE
    """Day of the order's first entry in foreign currency."""
    rate_nano: int = 0
    """Rate of that day: a refund takes back what was booked at it."""
    paid: int = 0
    """What the customer gave: deposits, and tenders over the counter."""
    refunded: int = 0
    """What became due to the customer: never more than was paid (I11)."""

    def changed(self, moved: OrderMovement) -> OpenItems:
        """After journals moved the order's sums."""
        return OpenItems(
            self.receivable + moved.receivable,
            self.deposit + moved.deposit,
            self.applied,
            self.applications,
            self.currency_code,
            self.rate_date,
            self.rate_nano,
            self.paid + moved.paid,
            self.refunded + moved.refunded,
        )

    @property
    def applicable(self) -> int:
        """What must be applied now; negative when an application has to be taken back."""
        return max(0, min(self.receivable, self.deposit)) - self.applied

    def with_application(self) -> OpenItems:
        """After the difference was applied."""
        return replace(
            self, applied=self.applied + self.applicable, applications=self.applications + 1
        )

    def first_rate(self, day: date, rate_nano: int) -> OpenItems:
        """Keeps the rate of the earliest day, in whatever order the entries come."""
        if day >= self.rate_date:
            return self
        return replace(self, rate_date=day, rate_nano=rate_nano)
