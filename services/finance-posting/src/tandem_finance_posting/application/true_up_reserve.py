"""Brings what is posted for the cohorts of an estimate to the targets of the figures in force."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime

from tandem_core.errors import DomainError, NotFound

from tandem_finance_posting.application.estimate_ports import (
    CohortRun,
    Estimate,
    EstimateKey,
    EstimateStore,
    PostedCohort,
)
from tandem_finance_posting.application.ports import PostingTransaction
from tandem_finance_posting.application.post_finance_events import post_finance_events
from tandem_finance_posting.domain.approval import Approval
from tandem_finance_posting.domain.errors import EstimateInvalid
from tandem_finance_posting.domain.estimates import EstimateKind, Target
from tandem_finance_posting.domain.finance_event import FinanceEvent

SOURCE = "estimates"
EVENT_TYPES = {
    EstimateKind.RETURN_RESERVE: "reserve.trued_up",
    EstimateKind.BREAKAGE: "giftcard.breakage",
    EstimateKind.LOYALTY: "loyalty.trued_up",
}


@dataclass(frozen=True)
class TrueUp:
    """What a run did, with which version of the figures."""

    runs: tuple[CohortRun, ...]
    version: int


@dataclass(frozen=True)
class TrueUpReserve:
    """A run of one estimate, counting on a day. Posts differences only."""

    key: EstimateKey
    day: date
    dry_run: bool = False

    async def carry_out(
        self, store: EstimateStore, transaction: PostingTransaction, now: datetime
    ) -> TrueUp:
        """Raises NotFound without figures in force, EstimateInvalid, PeriodShut for a day that
        its period does not take, and what else posting raises."""
        # Two runs at once would both post the same difference.
        await store.lock(self.key)
        estimate = await store.in_force(self.key)
        if estimate is None:
            raise NotFound("estimate", f"{self.key.legal_entity}/{self.key.kind.value}")
        posted = await store.posted(self.key)
        runs = [self._run(name, estimate, posted) for name in self._cohorts(estimate, posted)]
        if self.dry_run:
            return TrueUp(tuple(replace(run, event_key="") for run in runs), estimate.version)
        changed = [run for run in runs if run.event_key]
        events = [self._event(run, estimate, posted) for run in changed]
        if events:
            await self._post(transaction, events, now)
        after = [(run.cohort, self._after(run, estimate, posted, now)) for run in changed]
        await store.save_posted(self.key, after)
        for run, (_, booked) in zip(changed, after, strict=True):
            store.tell(estimate, run, booked.runs, now)
        return TrueUp(tuple(runs), estimate.version)

    def _cohorts(self, estimate: Estimate, posted: Mapping[str, PostedCohort]) -> list[str]:
        """Those in force; for the reserve also those that were before: theirs is released. Income
        of cards and points stays where it is when nobody gives figures any more."""
        names = set(estimate.cohorts)
        if self.key.kind is EstimateKind.RETURN_RESERVE:
            names |= set(posted)
        return sorted(names)

    def _run(self, name: str, estimate: Estimate, posted: Mapping[str, PostedCohort]) -> CohortRun:
        cohort, before = estimate.cohorts.get(name), posted.get(name, PostedCohort())
        if before.currency_code not in ("", estimate.currency_code):
            told = f"cohort {name} is in the books in {before.currency_code}"
            raise EstimateInvalid("currency_code", told)
        target = cohort.target() if cohort else Target()
        change = target.less(before.target)
        key = self._event_of(name, before, estimate, change).key if change != Target() else ""
        return CohortRun(name, target, change, key)

    def _event(
        self, run: CohortRun, estimate: Estimate, posted: Mapping[str, PostedCohort]
    ) -> FinanceEvent:
        before = posted.get(run.cohort, PostedCohort())
        return self._event_of(run.cohort, before, estimate, run.change)

    def _event_of(
        self, name: str, before: PostedCohort, estimate: Estimate, change: Target
    ) -> FinanceEvent:
        facts: dict[str, int | str] = {"cohort": name}
        if self.key.kind is EstimateKind.RETURN_RESERVE:
            facts |= {"liability": change.liability, "asset": change.asset}
        else:
            facts["amount"] = change.liability
        return FinanceEvent(
            tenant=self.key.tenant,
            source_system=SOURCE,
            type=EVENT_TYPES[self.key.kind],
            id=f"{self.key.legal_entity}/{name}/{before.runs + 1}",
            legal_entity=self.key.legal_entity,
            original_date=self.day,
            currency_code=estimate.currency_code,
            facts=facts,
            approvals=_approvals(estimate),
        )

    async def _post(
        self, transaction: PostingTransaction, events: list[FinanceEvent], now: datetime
    ) -> None:
        for result in await post_finance_events(transaction, events, now):
            if isinstance(result, DomainError):
                raise result
            if result is None or result.hold:
                # A run that waits would be counted as posted though it is in no balance.
                gate = f"{result.hold.gate}: {result.hold.detail}" if result and result.hold else ""
                raise EstimateInvalid("date", gate or "was run before")

    def _after(
        self,
        run: CohortRun,
        estimate: Estimate,
        posted: Mapping[str, PostedCohort],
        now: datetime,
    ) -> PostedCohort:
        before = posted.get(run.cohort, PostedCohort())
        return PostedCohort(run.target, estimate.currency_code, before.runs + 1, now)


def _approvals(estimate: Estimate) -> tuple[Approval, ...]:
    """Who proposed and who approved the figures: their journals carry both."""
    made = Approval(estimate.proposed_by, estimate.proposed_at, estimate.note)
    if estimate.decided_at is None:
        return (made,)
    return (made, Approval(estimate.decided_by, estimate.decided_at))
