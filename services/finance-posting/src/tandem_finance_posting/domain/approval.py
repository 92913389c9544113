"""Maker and checker: what one person proposes, another approves."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from tandem_finance_posting.domain.errors import SelfApproval


@dataclass(frozen=True)
class Approval:
    """Who agreed, when and why."""

    subject: str
    at: datetime
    reason: str = ""


def check_second_person(what: str, makers: tuple[str, ...], checker: str) -> None:
    """Raises SelfApproval when the checker took part in making what is approved."""
    if checker in makers:
        raise SelfApproval(what, checker)
