"""Loops of the seal chain: seals what was posted, roots days that are over, looks at old seals."""

from __future__ import annotations

import asyncio

from tandem_core.clock import Clock
from tandem_platform.structured_logs import get_logger
from tandem_platform.unit_of_work import UnitOfWorkFactory

from tandem_finance_posting.adapters.postgres import seal_rows
from tandem_finance_posting.adapters.postgres.chain_reader import PostgresChainReader
from tandem_finance_posting.adapters.postgres.period_rows import LedgerKey
from tandem_finance_posting.adapters.postgres.seal_transaction import PostgresSealTransaction
from tandem_finance_posting.application.seal_journals import seal_journals
from tandem_finance_posting.application.verify_chain import verify_chain

log = get_logger(__name__)

LEDGERS_MAX = 200
"""Ledgers of one round; the longest waiting come first."""
BATCHES_MAX = 100
"""Batches of one ledger in one round; the next round goes on."""
ROOT_ROWS_MAX = 400
"""Days of one chain rooted in one round."""


class Sealer:
    """Seals journals right after their commit."""

    def __init__(
        self, units: UnitOfWorkFactory, clock: Clock, *, rows_max: int, linger_s: float
    ) -> None:
        self._units = units
        self._clock = clock
        self._rows_max = rows_max
        self._linger_s = linger_s

    async def seal(self) -> int:
        """One round over the ledgers with journals to seal; how many were sealed."""
        # Commits come by the hundred: waiting a moment seals them together.
        await asyncio.sleep(self._linger_s)
        async with self._units.database.transaction() as connection:
            ledgers = await seal_rows.ledgers_behind(connection, LEDGERS_MAX)
        return sum([await self._seal_ledger(key) for key in ledgers])

    async def _seal_ledger(self, key: LedgerKey) -> int:
        count = 0
        for _ in range(BATCHES_MAX):
            async with self._units() as uow:
                transaction = PostgresSealTransaction(uow, key)
                sealed = await seal_journals(transaction, self._rows_max, self._clock.now())
                await uow.commit()
            count += sealed.seals
            if not sealed.more:
                break
        return count


class Roots:
    """Writes down and tells the last seal of each day that is over."""

    def __init__(self, units: UnitOfWorkFactory, clock: Clock) -> None:
        self._units = units
        self._clock = clock

    async def root(self) -> int:
        """One round over the chains not rooted today; how many days were rooted."""
        now = self._clock.now()
        made = 0
        async with self._units() as uow:
            for key, head in await seal_rows.chains_without_root(
                uow.connection, now.date(), LEDGERS_MAX
            ):
                transaction = PostgresSealTransaction(uow, key)
                for root in await transaction.add_roots(head, now, ROOT_ROWS_MAX):
                    made += 1
                    log.info(
                        "day sealed",
                        legal_entity=key[1],
                        book=key[2],
                        day=root.day.isoformat(),
                        sequence=root.head.sequence,
                        root=root.head.hash.hex(),
                    )
            await uow.commit()
        return made


class SealAuditor:
    """Looks at all seals again and again, a page of each chain in a round, and tells of breaks."""

    def __init__(self, units: UnitOfWorkFactory, clock: Clock, *, rows_max: int) -> None:
        self._units = units
        self._clock = clock
        self._rows_max = rows_max
        self._next: dict[LedgerKey, int] = {}

    async def audit(self) -> int:
        """One round; how many breaks it found."""
        async with self._units.database.transaction() as connection:
            chains = await seal_rows.chains(connection, LEDGERS_MAX)
        return sum([await self._audit(key, broken_at) for key, broken_at in chains])

    async def _audit(self, key: LedgerKey, broken_at: int | None) -> int:
        start = broken_at or self._next.get(key, 1)
        async with self._units() as uow:
            reader = PostgresChainReader(uow.connection, key)
            verified = await verify_chain(reader, start, 0, self._rows_max)
            if verified.broken is not None:
                transaction = PostgresSealTransaction(uow, key)
                await transaction.tell_broken(verified.broken, self._clock.now())
                log.error(
                    "seal chain broken",
                    legal_entity=key[1],
                    book=key[2],
                    sequence=verified.broken.sequence,
                    kind=str(verified.broken.kind),
                )
            elif broken_at is not None and verified.count:
                await seal_rows.mark_whole(uow.connection, key)
            await uow.commit()
        self._next[key] = max(1, verified.next_sequence)
        return int(verified.broken is not None)
