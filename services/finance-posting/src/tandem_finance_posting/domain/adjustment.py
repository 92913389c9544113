"""Life of what people propose: decided once, by somebody else than its maker."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from tandem_finance_posting.domain.approval import Approval, check_second_person
from tandem_finance_posting.domain.errors import AdjustmentDecided


class AdjustmentKind(StrEnum):
    """What is proposed."""

    MANUAL_JOURNAL = "MANUAL_JOURNAL"
    RATES = "RATES"
    REPOST = "REPOST"


class AdjustmentState(StrEnum):
    """Where it is."""

    PROPOSED = "PROPOSED"
    APPROVED = "APPROVED"
    REJECTED = "REJECTED"


@dataclass(frozen=True)
class Adjustment:
    """A proposal; its document never changes."""

    id: str
    kind: AdjustmentKind
    document: Mapping[str, Any]
    maker: str
    proposed_at: datetime
    why: str
    state: AdjustmentState = AdjustmentState.PROPOSED
    checker: str = ""
    decided_at: datetime | None = None
    reason: str = ""
    """Why it was rejected."""
    journal_ids: tuple[str, ...] = ()

    def approved(self, checker: str, now: datetime) -> Adjustment:
        """Raises AdjustmentDecided, SelfApproval."""
        self._check_open()
        check_second_person(f"adjustment {self.id}", (self.maker,), checker)
        return replace(self, state=AdjustmentState.APPROVED, checker=checker, decided_at=now)

    def rejected(self, checker: str, reason: str, now: datetime) -> Adjustment:
        """Raises AdjustmentDecided."""
        self._check_open()
        return replace(
            self,
            state=AdjustmentState.REJECTED,
            checker=checker,
            decided_at=now,
            reason=reason,
        )

    def with_journals(self, ids: Sequence[str]) -> Adjustment:
        """What followed from it."""
        return replace(self, journal_ids=tuple(ids))

    @property
    def approvals(self) -> tuple[Approval, ...]:
        """Maker and checker, as the journals keep them."""
        decided = self.decided_at or self.proposed_at
        return (
            Approval(self.maker, self.proposed_at, self.why),
            Approval(self.checker, decided, ""),
        )

    def _check_open(self) -> None:
        if self.state is not AdjustmentState.PROPOSED:
            raise AdjustmentDecided(self.id, str(self.state))
