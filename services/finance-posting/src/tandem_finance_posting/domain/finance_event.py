"""Something with a financial consequence, in the form the rules read."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from functools import cached_property

from tandem_finance_posting.domain.approval import Approval
from tandem_finance_posting.domain.expression import Facts

REVISION_MAX = 100
"""Of one event; each looks for all before it."""


@dataclass(frozen=True)
class FinanceEvent:
    """One event. ``facts`` hold amounts as minor units of ``currency_code``.

    Which facts move cost is declared with the event's type; the cost sub-ledger stamps them.
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
    source_event_id: str = ""
    approvals: tuple[Approval, ...] = ()
    """Who proposed and approved it; empty for what happened in the business."""
    trace_headers: dict[str, str] = field(default_factory=dict, compare=False)

    @cached_property
    def key(self) -> str:
        """Source, type, id and revision: the same event again has the same key."""
        return self.key_of(self.revision)

    def key_of(self, revision: int) -> str:
        """Key of another revision of the same event."""
        return f"{self.source_system}:{self.type}:{self.id}:{revision}"


@dataclass(frozen=True)
class Hold:
    """Why an event waits: the gate it fails and what is missing."""

    gate: str
    detail: str


ENTITY_UNKNOWN = "G2_ENTITY_UNKNOWN"
LINE_UNMAPPED = "G2_LINE_UNMAPPED"
TAX_NOT_FINAL = "G3_TAX_NOT_FINAL"
COST_MISSING = "G4_COST_MISSING"
RATE_UNKNOWN = "G5_RATE_UNKNOWN"
PERIOD_UNKNOWN = "G6_PERIOD_UNKNOWN"
PREDECESSOR_MISSING = "G7_PREDECESSOR_MISSING"
