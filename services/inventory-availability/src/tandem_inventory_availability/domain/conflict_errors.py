"""What can be wrong with a step of a conflict case.

DomainError
├── ConflictStateWrong      CONFLICT_STATE
├── ResolutionGone          RESOLUTION_GONE
└── SecondPersonNeeded      SECOND_PERSON_NEEDED
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from tandem_core.errors import DomainError


@dataclass(eq=False)
class ConflictStateWrong(DomainError):
    """The case's state does not allow the step."""

    reason: ClassVar[str] = "CONFLICT_STATE"
    conflict_id: str
    state: str


@dataclass(eq=False)
class ResolutionGone(DomainError):
    """The step is not proposed any more, or would not help today."""

    reason: ClassVar[str] = "RESOLUTION_GONE"
    conflict_id: str
    number: int


@dataclass(eq=False)
class SecondPersonNeeded(DomainError):
    """Policy asks for a second person, and this one agreed before."""

    reason: ClassVar[str] = "SECOND_PERSON_NEEDED"
    conflict_id: str
    person: str
