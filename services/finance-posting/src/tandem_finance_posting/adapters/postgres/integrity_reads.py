"""Reads that show the books are whole: seals, roots, verification."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from sqlalchemy import RowMapping, text
from tandem.finance.v1 import events_pb2
from tandem_platform.database import Database

from tandem_finance_posting.adapters.postgres import seal_rows, sequence_rows
from tandem_finance_posting.adapters.postgres.balance_rows import (
    BalanceDifference,
    balance_differences,
)
from tandem_finance_posting.adapters.postgres.chain_reader import PostgresChainReader
from tandem_finance_posting.adapters.postgres.ledger_read_models import JournalRow, journal_of
from tandem_finance_posting.adapters.postgres.period_rows import LedgerKey
from tandem_finance_posting.adapters.postgres.seal_rows import ChainState
from tandem_finance_posting.adapters.postgres.sequence_rows import SequenceFilter
from tandem_finance_posting.application.verify_chain import Verified, verify_chain

Position = Sequence[str | int] | None

_TOLD = text("""
    SELECT payload FROM event_journal
    WHERE tenant = :tenant AND agg_type = 'journal' AND agg_id = :id AND agg_version = 1
""")
_ROOTS = text("""
    SELECT legal_entity, book, day, sequence, hash FROM seal_root
    WHERE tenant = :tenant AND (:entity = '' OR legal_entity = :entity)
      AND (:book = '' OR book = :book)
      AND (CAST(:after_day AS date) IS NULL OR day < CAST(:after_day AS date)
           OR (day = CAST(:after_day AS date)
               AND (legal_entity, book) > (:after_entity, :after_book)))
    ORDER BY day DESC, legal_entity, book LIMIT :rows
""")


@dataclass(frozen=True)
class ToldJournal:
    """A journal as it was told when it was posted, and as it is stored now."""

    told: events_pb2.JournalPosted | None
    stored: JournalRow | None


class IntegrityReads:
    """Reads without locks."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def seal(self, tenant: str, journal_id: str) -> RowMapping | None:
        """The seal of a journal, or None."""
        arguments = {"tenant": tenant, "id": journal_id}
        async with self._database.transaction() as connection:
            found = await connection.execute(seal_rows.SEAL_OF_JOURNAL, arguments)
            return found.mappings().first()

    async def verify(
        self, key: LedgerKey, first: int, last: int, rows_max: int
    ) -> tuple[Verified, ChainState]:
        """A page of a chain computed again, and where the chain ends. What is up to the end read
        first changes no more, so the reads behind it need no snapshot."""
        async with self._database.transaction() as connection:
            verified = await verify_chain(
                PostgresChainReader(connection, key), first, last, rows_max
            )
            return verified, await seal_rows.chain_state(connection, key)

    async def told(self, tenant: str, journal_id: str) -> ToldJournal:
        """Both versions of a journal, for naming what differs."""
        arguments = {"tenant": tenant, "id": journal_id}
        async with self._database.transaction() as connection:
            payload = (await connection.execute(_TOLD, arguments)).scalar()
            stored = await journal_of(connection, tenant, journal_id)
        told = events_pb2.JournalPosted.FromString(bytes(payload)) if payload else None
        return ToldJournal(told, stored)

    async def roots(self, key: LedgerKey, after: Position, rows: int) -> Sequence[RowMapping]:
        """A page of roots, newest day first; empty parts of the key do not filter."""
        arguments = {
            "tenant": key[0],
            "entity": key[1],
            "book": key[2],
            "after_day": after[0] if after else None,
            "after_entity": after[1] if after else "",
            "after_book": after[2] if after else "",
            "rows": rows,
        }
        async with self._database.transaction() as connection:
            return (await connection.execute(_ROOTS, arguments)).mappings().all()

    async def balances(
        self, tenant: str, entity: str, days: tuple[date, date]
    ) -> tuple[int, list[BalanceDifference]]:
        """Balances compared with their lines."""
        async with self._database.transaction() as connection:
            return await balance_differences(connection, tenant, entity, days)

    async def sources(
        self, wanted: SequenceFilter, after: Position, rows: int
    ) -> Sequence[RowMapping]:
        """A page of sources with numbers."""
        async with self._database.transaction() as connection:
            return await sequence_rows.list_sources(connection, wanted, after, rows)
