"""Takes in how far a source has counted; what did not arrive up to there is missing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from tandem_finance_posting.domain.source_sequence import (
    NumberRange,
    NumbersOfSource,
    NumberSource,
    check_declaration,
)


@dataclass(frozen=True)
class DeclareSourceSequence:
    """What a source declares; ``reason`` says why numbers are void, and who says it."""

    tenant: str
    source: NumberSource
    last: int
    voided: Sequence[NumberRange] = ()
    reason: str = ""


class SequenceTransaction(Protocol):
    """The rows of sources inside one open transaction."""

    async def numbers_of(self, tenant: str, source: NumberSource) -> NumbersOfSource:
        """What is known of a source, locked; begins empty."""
        ...

    async def declare(self, command: DeclareSourceSequence, now: datetime) -> None:
        """Writes a declaration."""
        ...


async def declare_source_sequence(
    transaction: SequenceTransaction, command: DeclareSourceSequence, now: datetime
) -> NumbersOfSource:
    """What is known afterwards. Raises SourceSequenceConflict."""
    known = await transaction.numbers_of(command.tenant, command.source)
    check_declaration(command.source.name, known, command.last)
    await transaction.declare(command, now)
    return await transaction.numbers_of(command.tenant, command.source)
