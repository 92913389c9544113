"""Computes a chain again from the stored journals, a page at a time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from tandem_finance_posting.domain.seal_chain import (
    BreakKind,
    ChainBreak,
    ChainHead,
    StoredChain,
    first_break,
)


class ChainReader(Protocol):
    """One chain as stored, read at one moment."""

    async def head(self) -> ChainHead:
        """Its end as written down."""
        ...

    async def seal_before(self, sequence: int) -> ChainHead:
        """The seal a number follows."""
        ...

    async def part(self, after: int, last: int) -> StoredChain:
        """Journals, seals and roots behind a number up to another."""
        ...


@dataclass(frozen=True)
class Verified:
    """What one page showed."""

    count: int
    broken: ChainBreak | None
    next_sequence: int
    """Where to go on; 0 at the end or at a break."""


async def verify_chain(
    reader: ChainReader, from_sequence: int, to_sequence: int, rows_max: int
) -> Verified:
    """Verifies from a number up to another (0 for the end), at most ``rows_max`` of them."""
    head = await reader.head()
    wanted = min(to_sequence or head.sequence, head.sequence)
    last = min(wanted, from_sequence + rows_max - 1)
    start = await reader.seal_before(from_sequence)
    if last < from_sequence:
        return Verified(0, None, 0)
    reached, broken = first_break(start, last, await reader.part(start.sequence, last))
    if broken is None and reached.sequence == head.sequence and reached.hash != head.hash:
        detail = f"ends with {reached.hash.hex()[:16]}, written down is {head.hash.hex()[:16]}"
        broken = ChainBreak(head.sequence, "", BreakKind.HEAD_DIFFERS, detail)
    more = broken is None and last < wanted
    return Verified(reached.sequence - start.sequence, broken, last + 1 if more else 0)
