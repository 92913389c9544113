"""Takes in which numbers of a source were handed over."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from tandem_finance_posting.domain.source_sequence import (
    NumberRange,
    NumbersOfSource,
    NumberSource,
)


@dataclass(frozen=True)
class NoteSourceNumbers:
    """Numbers of one source, as ranges."""

    tenant: str
    source: NumberSource
    numbers: Sequence[NumberRange]


class NumberTransaction(Protocol):
    """The rows of sources inside one open transaction."""

    async def numbers_of(self, tenant: str, source: NumberSource) -> NumbersOfSource:
        """What is known of a source, locked; begins empty."""
        ...

    async def note(self, command: NoteSourceNumbers, now: datetime) -> None:
        """Adds numbers to those that arrived."""
        ...


async def note_source_numbers(
    transaction: NumberTransaction, command: NoteSourceNumbers, now: datetime
) -> NumbersOfSource:
    """What is known afterwards; the same numbers again change nothing."""
    await transaction.numbers_of(command.tenant, command.source)
    await transaction.note(command, now)
    return await transaction.numbers_of(command.tenant, command.source)
