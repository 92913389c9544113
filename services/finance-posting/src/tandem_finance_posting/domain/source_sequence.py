"""Numbers a source gives out one after the other: what is missing in them did not arrive."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from urllib.parse import quote

from tandem_finance_posting.domain.errors import SourceSequenceConflict

NumberRange = tuple[int, int]
"""First and last, both inside."""
NUMBER_MAX = 10**12


class SourceKind(StrEnum):
    """What counts."""

    REGISTER = "REGISTER"
    STREAM = "STREAM"


@dataclass(frozen=True)
class NumberSource:
    """A register on a business date, or a connector's stream."""

    kind: SourceKind
    legal_entity: str
    business_date: date
    store: str = ""
    register: str = ""
    stream: str = ""

    @property
    def name(self) -> str:
        """Names it within the tenant; no two sources have the same."""
        if self.kind is SourceKind.STREAM:
            return f"stream:{quote(self.stream, safe='')}"
        store, register = quote(self.store, safe=""), quote(self.register, safe="")
        return f"{store}/{register}/{self.business_date.isoformat()}"


@dataclass(frozen=True)
class SourceNumber:
    """A number that arrived."""

    tenant: str
    source: NumberSource
    number: int


@dataclass(frozen=True)
class NumbersOfSource:
    """What is known of a source; ranges in order, not touching."""

    seen: Sequence[NumberRange] = ()
    voided: Sequence[NumberRange] = ()
    declared_last: int | None = None

    @property
    def seen_last(self) -> int:
        """The highest number that arrived; 0 for none."""
        return max((last for _, last in self.seen), default=0)

    def missing(self) -> list[NumberRange]:
        """Numbers up to the highest one seen or declared that neither arrived nor are void."""
        end = max(self.seen_last, self.declared_last or 0)
        gaps: list[NumberRange] = []
        expected = 1
        for first, last in sorted((*self.seen, *self.voided)):
            if first > end:
                break
            if first > expected:
                gaps.append((expected, first - 1))
            expected = max(expected, last + 1)
        if expected <= end:
            gaps.append((expected, end))
        return gaps


def count(ranges: Iterable[NumberRange]) -> int:
    """How many numbers ranges hold."""
    return sum(last - first + 1 for first, last in ranges)


def check_declaration(name: str, known: NumbersOfSource, last: int) -> None:
    """Raises SourceSequenceConflict for a last number below one that was seen or declared."""
    highest = max(known.seen_last, known.declared_last or 0)
    if last < highest:
        raise SourceSequenceConflict(name, last, highest)
