"""Something with a financial consequence, in the form the rules read."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date

from tandem_finance_posting.domain.expression import Facts


@dataclass(frozen=True)
class CostIssue:
    """Units that left stock and need their cost stamped."""

    line_ref: str
    sku: str
    quantity: int


@dataclass(frozen=True)
class CostReturn:
    """Units that came back at the cost they left with."""

    line_ref: str
    sku: str
    quantity: int
    disposition: str


@dataclass(frozen=True)
class CostReceipt:
    """Units received at a cost (minor units of the whole)."""

    sku: str
    quantity: int
    cost: int


@dataclass(frozen=True)
class FinanceEvent:
    """One event. ``facts`` hold amounts as minor units of ``currency_code``.

    Cost movements are declared here and stamped by the cost sub-ledger before the rules run.
    """

    tenant: str
    source_system: str
    type: str
    id: str
    legal_entity: str
    original_date: date
    currency_code: str
    facts: Facts
    order_id: str = ""
    revision: int = 1
    issues: tuple[CostIssue, ...] = ()
    returns: tuple[CostReturn, ...] = ()
    receipts: tuple[CostReceipt, ...] = ()
    source_event_id: str = ""
    trace_headers: dict[str, str] = field(default_factory=dict, compare=False)

    @property
    def key(self) -> str:
        """Source, type, id and revision: the same event again has the same key."""
        return f"{self.source_system}:{self.type}:{self.id}:{self.revision}"

    @property
    def skus(self) -> tuple[str, ...]:
        """SKUs whose cost pool the event touches, sorted."""
        skus = {issue.sku for issue in self.issues} | {item.sku for item in self.returns}
        return tuple(sorted(skus | {receipt.sku for receipt in self.receipts}))


@dataclass(frozen=True)
class Hold:
    """Why an event waits: the gate it fails and what is missing."""

    gate: str
    detail: str


COST_MISSING = "G4_COST_MISSING"
PREDECESSOR_MISSING = "G7_PREDECESSOR_MISSING"
