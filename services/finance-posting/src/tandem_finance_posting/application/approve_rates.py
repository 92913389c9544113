"""Seals proposed rates: from then on they never change."""

from __future__ import annotations

from datetime import date

from tandem_core.errors import FieldViolation, ValidationFailed

from tandem_finance_posting.application.adjustment_ports import AdjustmentStore
from tandem_finance_posting.application.propose_rates import rates_of
from tandem_finance_posting.application.rule_ports import Actor
from tandem_finance_posting.domain.adjustment import Adjustment, AdjustmentKind


async def approve_rates(store: AdjustmentStore, adjustment_id: str, by: Actor) -> Adjustment:
    """The decision. Raises NotFound, AdjustmentDecided, SelfApproval, and ValidationFailed for a
    rate sealed before at another value: journals were converted at it."""
    found = await store.locked(AdjustmentKind.RATES, adjustment_id)
    approved = found.approved(by.subject, by.now)
    day = date.fromisoformat(approved.document["rate_date"])
    changed = await store.seal_rates(day, rates_of(approved))
    if changed:
        pairs = ", ".join(f"{source}/{target}" for source, target in changed)
        detail = f"{pairs} was sealed at another rate for {day}"
        raise ValidationFailed([FieldViolation("rate_sheet.rates", detail)])
    await store.save(approved)
    return approved
