"""One chain, read by the pages of its verification."""

from __future__ import annotations

from sqlalchemy.ext.asyncio import AsyncConnection

from tandem_finance_posting.adapters.postgres import seal_rows
from tandem_finance_posting.adapters.postgres.period_rows import LedgerKey
from tandem_finance_posting.domain.seal_chain import ChainHead, StoredChain, genesis


class PostgresChainReader:
    """The chain of one ledger on one connection."""

    def __init__(self, connection: AsyncConnection, key: LedgerKey) -> None:
        self._connection = connection
        self._key = key

    async def head(self) -> ChainHead:
        """Its end as written down."""
        return (await seal_rows.chain_state(self._connection, self._key)).head

    async def seal_before(self, sequence: int) -> ChainHead:
        """The seal a number follows."""
        if sequence <= 1:
            return genesis(*self._key)
        return await seal_rows.seal_before(self._connection, self._key, sequence)

    async def part(self, after: int, last: int) -> StoredChain:
        """Journals, seals and roots behind a number up to another."""
        return await seal_rows.read_chain(self._connection, self._key, after, last)
