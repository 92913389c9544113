"""Life of a version: proposed by one, compared on history, approved or refused by another."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from enum import StrEnum
from typing import Any

from tandem_finance_posting.domain.approval import check_second_person
from tandem_finance_posting.domain.errors import (
    RuleSetDecided,
    RuleSetNotCompared,
    RuleSetVersionMismatch,
)


class VersionState(StrEnum):
    """Where a version is."""

    PROPOSED = "PROPOSED"
    ACTIVE = "ACTIVE"
    REJECTED = "REJECTED"


@dataclass(frozen=True)
class RuleSetVersion:
    """A version with its source; only its state and evidence change."""

    name: str
    version: int
    effective_from: date
    source: str
    diff_hash: str
    change_ref: str
    maker: str
    proposed_at: datetime
    rule_count: int = 0
    state: VersionState = VersionState.PROPOSED
    compared: Mapping[str, Any] | None = None
    """Result of the last comparison; None before there was one."""
    checker: str = ""
    decided_at: datetime | None = None
    reason: str = ""

    @property
    def label(self) -> str:
        """Name and version."""
        return f"{self.name}/{self.version}"

    def approved(self, checker: str, diff_hash: str, now: datetime) -> RuleSetVersion:
        """In force. Raises RuleSetDecided, SelfApproval, RuleSetVersionMismatch,
        RuleSetNotCompared."""
        self.check_open()
        check_second_person(f"rule set {self.label}", (self.maker,), checker)
        if diff_hash != self.diff_hash:
            raise RuleSetVersionMismatch(self.name, self.diff_hash, diff_hash)
        if self.compared is None:
            raise RuleSetNotCompared(self.name, self.version)
        return replace(self, state=VersionState.ACTIVE, checker=checker, decided_at=now)

    def rejected(self, checker: str, reason: str, now: datetime) -> RuleSetVersion:
        """Refused. Raises RuleSetDecided."""
        self.check_open()
        return replace(
            self, state=VersionState.REJECTED, checker=checker, decided_at=now, reason=reason
        )

    def check_open(self) -> None:
        """Raises RuleSetDecided for one that is not a proposal any more."""
        if self.state is not VersionState.PROPOSED:
            raise RuleSetDecided(f"rule set {self.label}", str(self.state))
