"""Mirror journals: the same roles, dimensions and amounts on the other side (RV1)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date

from tandem_finance_posting.domain.expression import Facts
from tandem_finance_posting.domain.finance_event import FinanceEvent
from tandem_finance_posting.domain.journal import REVERSAL, Journal, journal_id
from tandem_finance_posting.domain.period import Placement

POSTED = "POSTED"
HELD = "HELD"
NOT_POSTABLE = "NOT_POSTABLE"
REVERSED = "REVERSED"
SUPERSEDED = "SUPERSEDED"


@dataclass(frozen=True)
class Prior:
    """An event judged before, with its journals that are not reversed."""

    event: FinanceEvent
    state: str
    facts: Facts
    journals: tuple[Journal, ...] = ()
    rule_set: str = ""


def mirror(journal: Journal, by: FinanceEvent, placement: Placement, day: date) -> Journal:
    """The journal that takes one back, made by the event that undoes it, for the original ``day``
    and on the accounting date of the placement."""
    event = replace(
        by,
        original_date=day,
        order_id=journal.event.order_id,
        currency_code=journal.event.currency_code,
    )
    purpose = f"{REVERSAL}{journal.id}"
    return replace(
        journal,
        id=journal_id(by, journal.book, purpose, 1),
        event=event,
        purpose=purpose,
        generation=1,
        lines=tuple(line.mirrored() for line in journal.lines),
        reverses=journal.id,
        accounting_date=placement.accounting_date,
        late_reason=placement.late_reason,
        approvals=by.approvals,
    )
