"""The seal chain of one ledger: each seal is a hash over the one before it and a whole journal.

Whoever alters a byte of a sealed journal must alter every seal after it, up to roots that were
published. What goes into a seal is length-prefixed, so no two journals have the same bytes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

FORMAT = 1
"""How a journal's bytes are laid out; stored with each seal, so that it can change some day."""
_PREFIX = b"tandem seal 1"


class BreakKind(StrEnum):
    """What is wrong where a chain stops holding."""

    CONTENT_CHANGED = "CONTENT_CHANGED"
    JOURNAL_MISSING = "JOURNAL_MISSING"
    SEAL_MISSING = "SEAL_MISSING"
    HEAD_DIFFERS = "HEAD_DIFFERS"
    ROOT_DIFFERS = "ROOT_DIFFERS"


@dataclass(frozen=True)
class JournalContent:
    """A journal as it goes into its seal."""

    sequence: int
    journal_id: str
    content: str


@dataclass(frozen=True)
class Seal:
    """The seal of one journal."""

    sequence: int
    journal_id: str
    hash: bytes


@dataclass(frozen=True)
class ChainHead:
    """The end of a chain: number and hash of its last seal; number 0 for one without seals."""

    sequence: int
    hash: bytes


@dataclass(frozen=True)
class ChainBreak:
    """The first number at which a chain does not hold."""

    sequence: int
    journal_id: str
    kind: BreakKind
    detail: str


@dataclass(frozen=True)
class StoredChain:
    """A part of a chain as it is stored, by number."""

    journals: Mapping[int, JournalContent]
    seals: Mapping[int, Seal]
    roots: Mapping[int, bytes]
    """Published hashes of the seals that ended a day."""


def genesis(tenant: str, legal_entity: str, book: str) -> ChainHead:
    """What the first seal of a ledger follows: no two ledgers have the same chain."""
    named = canonical((tenant, legal_entity, book))
    return ChainHead(0, hashlib.sha256(_PREFIX + named.encode()).digest())


def canonical(fields: Iterable[str | None]) -> str:
    """Fields with their lengths in bytes of UTF-8 before them; a missing one is a minus."""
    return "".join("-" if f is None else f"{len(f.encode())}:{f}" for f in fields)


def seal_hash(previous: bytes, sequence: int, content: str) -> bytes:
    """Hash of a journal behind the seal before it."""
    hashed = hashlib.sha256(_PREFIX)
    hashed.update(previous)
    hashed.update(sequence.to_bytes(8, "big"))
    hashed.update(content.encode())
    return hashed.digest()


def extend(head: ChainHead, journals: Sequence[JournalContent]) -> tuple[list[Seal], bool]:
    """Seals for journals in order, up to the first number that is missing; True when one is."""
    seals: list[Seal] = []
    previous, expected = head.hash, head.sequence + 1
    for journal in journals:
        if journal.sequence != expected:
            return seals, True
        previous = seal_hash(previous, expected, journal.content)
        seals.append(Seal(expected, journal.journal_id, previous))
        expected += 1
    return seals, False


def first_break(
    start: ChainHead, last: int, stored: StoredChain
) -> tuple[ChainHead, ChainBreak | None]:
    """How far the chain holds behind ``start`` up to the number ``last``, and what ends it."""
    head = start
    for sequence in range(start.sequence + 1, last + 1):
        found = _break_at(head, sequence, stored)
        if found is not None:
            return head, found
        head = ChainHead(sequence, stored.seals[sequence].hash)
    return head, None


def _break_at(head: ChainHead, sequence: int, stored: StoredChain) -> ChainBreak | None:
    journal, seal = stored.journals.get(sequence), stored.seals.get(sequence)
    if journal is None:
        known = seal.journal_id if seal else ""
        detail = f"journal number {sequence} is not there"
        return ChainBreak(sequence, known, BreakKind.JOURNAL_MISSING, detail)
    if seal is None:
        detail = f"journal number {sequence} has no seal"
        return ChainBreak(sequence, journal.journal_id, BreakKind.SEAL_MISSING, detail)
    expected = seal_hash(head.hash, sequence, journal.content)
    if expected != seal.hash or journal.journal_id != seal.journal_id:
        detail = f"sealed {seal.hash.hex()[:16]}, its bytes now give {expected.hex()[:16]}"
        return ChainBreak(sequence, journal.journal_id, BreakKind.CONTENT_CHANGED, detail)
    root = stored.roots.get(sequence)
    if root is not None and root != seal.hash:
        detail = f"published as {root.hex()[:16]}, now {seal.hash.hex()[:16]}"
        return ChainBreak(sequence, journal.journal_id, BreakKind.ROOT_DIFFERS, detail)
    return None
