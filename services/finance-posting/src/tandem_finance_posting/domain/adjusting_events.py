"""Finance events that people make: reversals, manual journals, revaluations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Any

from tandem_finance_posting.domain.adjustment import Adjustment
from tandem_finance_posting.domain.errors import FinanceFactInvalid
from tandem_finance_posting.domain.finance_event import FinanceEvent
from tandem_finance_posting.domain.reversal import Prior

SOURCE = "finance-posting"
CORRECTION, VOIDED = "correction.approved", "event.voided"
REVALUED, REVALUATION_ENDED = "fx.revalued", "fx.revaluation_ended"
GOODS_ROLES = ("INVENTORY", "INV_")
"""Beginnings of roles whose value is that of the cost sub-ledger: a journal alone would part them
from it for ever (I10)."""


def manual_journal(tenant: str, adjustment: Adjustment, *, approved: bool) -> FinanceEvent:
    """The event of a manual journal. Raises FinanceFactInvalid for a role of goods."""
    document = adjustment.document
    for line in (*document["debits"], *document["credits"]):
        if line["role"].startswith(GOODS_ROLES):
            raise FinanceFactInvalid(f"role {line['role']}", CORRECTION)
    return FinanceEvent(
        tenant=tenant,
        source_system=SOURCE,
        type=CORRECTION,
        id=adjustment.id,
        legal_entity=document["legal_entity"],
        original_date=date.fromisoformat(document["original_date"]),
        currency_code=document["currency_code"],
        order_id=document["order_id"],
        facts={
            "reason": adjustment.why,
            "exception_id": document["exception_id"],
            "debits": document["debits"],
            "credits": document["credits"],
        },
        approvals=adjustment.approvals if approved else adjustment.approvals[:1],
    )


def voiding(prior: Prior, reason: str) -> FinanceEvent:
    """The event that takes back what another one posted."""
    event = prior.event
    return FinanceEvent(
        tenant=event.tenant,
        source_system=SOURCE,
        type=VOIDED,
        id=event.key,
        legal_entity=event.legal_entity,
        original_date=event.original_date,
        currency_code=event.currency_code,
        order_id=event.order_id,
        facts={"voids": event.key, "reason": reason},
    )


def revaluation(
    tenant: str, where: tuple[str, str, date], items: Sequence[Mapping[str, Any]]
) -> tuple[FinanceEvent, FinanceEvent]:
    """The revaluation of an entity (entity, its currency, day) and what ends it the day after."""
    entity, currency, day = where
    revalued = FinanceEvent(
        tenant=tenant,
        source_system=SOURCE,
        type=REVALUED,
        id=f"{entity}:{day.isoformat()}",
        legal_entity=entity,
        original_date=day,
        currency_code=currency,
        facts={"items": list(items)},
    )
    ended = FinanceEvent(
        tenant=tenant,
        source_system=SOURCE,
        type=REVALUATION_ENDED,
        id=revalued.id,
        legal_entity=entity,
        original_date=day + timedelta(days=1),
        currency_code=currency,
        facts={"voids": revalued.key, "reason": "a revaluation is for one day"},
    )
    return revalued, ended
