"""Seals journals right after they are posted, ledger by ledger, in batches."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from tandem_finance_posting.domain.seal_chain import (
    BreakKind,
    ChainBreak,
    ChainHead,
    JournalContent,
    Seal,
    extend,
)

LedgerKey = tuple[str, str, str]
"""Tenant, legal entity, book."""


class SealTransaction(Protocol):
    """The rows of one chain inside one open transaction."""

    async def lock_head(self) -> ChainHead | None:
        """The end of the chain, locked; None when somebody else is sealing it."""
        ...

    async def journals_after(self, sequence: int, rows: int) -> list[JournalContent]:
        """Journals behind a number, in order."""
        ...

    async def add_seals(self, seals: Sequence[Seal], now: datetime) -> None:
        """Writes seals and moves the end of the chain."""
        ...

    async def tell_broken(self, found: ChainBreak, now: datetime) -> None:
        """Writes a break down and tells of it, once."""
        ...


@dataclass(frozen=True)
class Sealed:
    """What one batch did."""

    seals: int
    more: bool
    """True when journals may be left to seal."""


async def seal_journals(transaction: SealTransaction, rows_max: int, now: datetime) -> Sealed:
    """Seals the next journals of one ledger. A missing number ends the chain and is told."""
    head = await transaction.lock_head()
    if head is None:
        return Sealed(0, more=False)
    journals = await transaction.journals_after(head.sequence, rows_max)
    seals, hole = extend(head, journals)
    if seals:
        await transaction.add_seals(seals, now)
    if hole:
        missing = head.sequence + len(seals) + 1
        detail = f"journal number {missing} was never sealed and is not there"
        found = ChainBreak(missing, "", BreakKind.JOURNAL_MISSING, detail)
        await transaction.tell_broken(found, now)
    return Sealed(len(seals), more=not hole and len(journals) == rows_max)
