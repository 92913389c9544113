"""Puts proposed figures of an estimate into force; a second person does it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from tandem_finance_posting.application.estimate_ports import (
    Estimate,
    EstimateKey,
    EstimateState,
    EstimateStore,
)
from tandem_finance_posting.domain.approval import check_second_person
from tandem_finance_posting.domain.errors import EstimateInvalid


@dataclass(frozen=True)
class ApproveEstimate:
    """``content_hash`` is that of what the checker read."""

    key: EstimateKey
    subject: str
    version: int
    content_hash: str

    async def carry_out(self, store: EstimateStore, now: datetime) -> Estimate:
        """Raises NotFound, SelfApproval, EstimateInvalid."""
        await store.lock(self.key)
        proposed = await store.version(self.key, self.version)
        current = await store.in_force(self.key)
        if proposed.state is not EstimateState.PROPOSED:
            raise EstimateInvalid("version", f"is {proposed.state}, not a proposal")
        if current and current.version > self.version:
            # Older figures in place of newer ones would release what is still expected.
            raise EstimateInvalid("version", f"is older than {current.version}, which is in force")
        if proposed.content_hash != self.content_hash:
            raise EstimateInvalid("content_hash", "is of another content")
        check_second_person(
            f"estimate {self.key.kind} {self.version}", (proposed.proposed_by,), self.subject
        )
        if current:
            await store.save(replace(current, state=EstimateState.RETIRED))
        active = replace(
            proposed, state=EstimateState.ACTIVE, decided_by=self.subject, decided_at=now
        )
        await store.save(active)
        return active
