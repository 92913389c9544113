"""Seals, roots and breaks from domain and rows to the wire."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import RowMapping
from tandem.finance.v1 import seal_pb2 as wire
from tandem_platform.timestamps import to_time

from tandem_finance_posting.adapters.postgres.seal_rows import RootedDay
from tandem_finance_posting.domain.seal_chain import ChainBreak, genesis


def to_seal(row: RowMapping, tenant: str) -> wire.Seal:
    """A seal as stored."""
    previous = row["previous_hash"]
    if previous is None and row["sequence"] == 1:
        previous = genesis(tenant, row["legal_entity"], row["book"]).hash
    return wire.Seal(
        legal_entity=row["legal_entity"],
        book=row["book"],
        sequence=row["sequence"],
        journal_id=row["journal_id"],
        hash=bytes(row["hash"]).hex(),
        previous_hash=bytes(previous or b"").hex(),
        seal_time=to_time(row["sealed_at"]),
        format=row["format"],
    )


def to_chain_break(found: ChainBreak, differing: Sequence[str] = ()) -> wire.ChainBreak:
    """A break, with the fields that are known to differ."""
    return wire.ChainBreak(
        sequence=found.sequence,
        journal_id=found.journal_id,
        kind=wire.ChainBreak.Kind.Value(f"KIND_{found.kind}"),
        detail=found.detail,
        differing_fields=differing,
    )


def to_root(root: RootedDay) -> wire.DailyRoot:
    """The root of a day."""
    return wire.DailyRoot(
        legal_entity=root.key[1],
        book=root.key[2],
        day=root.day.isoformat(),
        sequence=root.head.sequence,
        hash=root.head.hash.hex(),
    )
