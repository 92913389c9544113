"""What is open between an order's deposit and its receivable.

A shipment always debits AR_ORDER and a capture always credits CUSTOMER_DEPOSIT; whichever comes
second applies the smaller of both. No rule asks what came first, so the order of arrival is free.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class OpenItems:
    """Open receivable and deposit of one order in minor units; ``applied`` counts applications."""

    receivable: int = 0
    deposit: int = 0
    applications: int = 0

    def changed(self, receivable: int, deposit: int) -> OpenItems:
        """After a journal moved the two roles by these amounts."""
        return OpenItems(self.receivable + receivable, self.deposit + deposit, self.applications)

    @property
    def applicable(self) -> int:
        """What can be applied now; 0 when one side is missing."""
        return max(0, min(self.receivable, self.deposit))

    def applied(self) -> OpenItems:
        """After the smaller of both was applied."""
        amount = self.applicable
        return OpenItems(self.receivable - amount, self.deposit - amount, self.applications + 1)
