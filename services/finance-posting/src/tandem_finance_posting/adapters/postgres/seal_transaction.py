"""The port of sealing on one open unit of work; breaks and roots are told with their change."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from tandem.finance.v1 import events_pb2
from tandem_platform.event_journal import event_from
from tandem_platform.unit_of_work import UnitOfWork

from tandem_finance_posting.adapters.postgres import seal_rows
from tandem_finance_posting.adapters.wire.seal_mapping import to_chain_break, to_root
from tandem_finance_posting.application.seal_journals import LedgerKey
from tandem_finance_posting.domain.seal_chain import ChainBreak, ChainHead, JournalContent, Seal

SEQUENCE_MAX = 2**62


class PostgresSealTransaction:
    """The chain of one ledger in one unit of work."""

    def __init__(self, unit: UnitOfWork, key: LedgerKey) -> None:
        self._unit = unit
        self._key = key

    async def lock_head(self) -> ChainHead | None:
        """The end of the chain, locked; None when somebody else is sealing it."""
        return await seal_rows.lock_head(self._unit.connection, self._key)

    async def journals_after(self, sequence: int, rows: int) -> list[JournalContent]:
        """Journals behind a number, in order."""
        return await seal_rows.read_contents(
            self._unit.connection, self._key, sequence, SEQUENCE_MAX, rows
        )

    async def add_seals(self, seals: Sequence[Seal], now: datetime) -> None:
        """Writes seals and moves the end of the chain."""
        await seal_rows.add_seals(self._unit.connection, self._key, seals, now)

    async def tell_broken(self, found: ChainBreak, now: datetime) -> None:
        """Writes a break down; tells of it when it was not known."""
        number = await seal_rows.mark_broken(
            self._unit.connection, self._key, found.sequence, found.detail
        )
        if number is None:
            return
        tenant, entity, book = self._key
        message = events_pb2.ChainBroken(
            legal_entity=entity, book=book, chain_break=to_chain_break(found)
        )
        self._unit.record(
            event_from(
                message,
                aggregate_type="chain_break",
                aggregate_id=f"{entity}/{book}",
                aggregate_version=number,
                occurred_at=now,
                tenant=tenant,
            )
        )

    async def add_roots(self, head: int, now: datetime, rows: int) -> list[seal_rows.RootedDay]:
        """Writes the roots of days that are over and tells each."""
        roots = await seal_rows.add_roots(self._unit.connection, self._key, head, now, rows)
        for root in roots:
            tenant, entity, book = root.key
            self._unit.record(
                event_from(
                    events_pb2.ChainSealed(root=to_root(root)),
                    aggregate_type="seal_chain",
                    aggregate_id=f"{entity}/{book}",
                    aggregate_version=root.number,
                    occurred_at=now,
                    tenant=tenant,
                )
            )
        return roots
