"""Proposes figures and rates of an estimate; they wait for a second person."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from tandem_core.currencies import currency_exponent

from tandem_finance_posting.application.estimate_ports import (
    Estimate,
    EstimateKey,
    EstimateState,
    EstimateStore,
)
from tandem_finance_posting.domain.errors import EstimateInvalid
from tandem_finance_posting.domain.estimates import COHORTS, Cohort


@dataclass(frozen=True)
class ProposeEstimate:
    """Figures of all cohorts of one kind."""

    key: EstimateKey
    subject: str
    currency_code: str
    cohorts: Sequence[tuple[str, Cohort]]
    note: str

    async def carry_out(self, store: EstimateStore, now: datetime) -> Estimate:
        """Raises EstimateInvalid naming the figure, CurrencyUnknown."""
        currency_exponent(self.currency_code, "currency_code")
        wanted = COHORTS[self.key.kind]
        names: set[str] = set()
        for number, (name, cohort) in enumerate(self.cohorts):
            if not isinstance(cohort, wanted):
                raise EstimateInvalid(f"cohorts[{number}].figures", "are of another kind")
            if name in names:
                raise EstimateInvalid(f"cohorts[{number}].cohort", f"{name} is there twice")
            names.add(name)
            cohort.checked(f"cohorts[{number}]")
        newest = await store.lock(self.key)
        proposed = Estimate(
            key=self.key,
            version=newest + 1,
            state=EstimateState.PROPOSED,
            currency_code=self.currency_code,
            cohorts=dict(self.cohorts),
            note=self.note,
            proposed_by=self.subject,
            proposed_at=now,
        )
        await store.save(proposed)
        return proposed
