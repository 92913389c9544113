"""Which replica works on which partition: rows with an owner, an epoch and an end.

The epoch rises with every take-over and is checked inside the transaction of the work, so an owner
that was only slow (stopped, swapped out) can no longer write. A replica with a stable name takes
its own partitions back at once after a restart.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from tandem_platform.database import Database

LEASE_TTL_S = 10.0
RENEW_INTERVAL_S = 3.0


class LeaseLost(Exception):
    """Another replica owns the partition now."""


@dataclass(frozen=True)
class Lease:
    """One partition owned by this replica."""

    name: str
    partition: int
    owner: str
    epoch: int

    async def check(self, connection: AsyncConnection) -> None:
        """Holds the lease until the end of the transaction. Raises LeaseLost."""
        found = await connection.execute(
            _CHECK,
            {
                "name": self.name,
                "part": self.partition,
                "owner": self.owner,
                "epoch": self.epoch,
            },
        )
        if found.first() is None:
            raise LeaseLost(f"{self.name} p{self.partition:02d} belongs to another replica")


# FOR SHARE: a take-over waits until this transaction has ended.
_CHECK = text("""
    SELECT 1 FROM partition_lease
    WHERE name = :name AND part = :part AND owner = :owner AND epoch = :epoch FOR SHARE
""")
_ROWS = text("""
    INSERT INTO partition_lease (name, part)
    SELECT :name, generate_series(0, :partitions - 1) ON CONFLICT DO NOTHING
""")
_SEEN = text("""
    INSERT INTO lease_member (name, owner, seen_at) VALUES (:name, :owner, clock_timestamp())
    ON CONFLICT (name, owner) DO UPDATE SET seen_at = EXCLUDED.seen_at
""")
_MEMBERS = text("""
    SELECT count(*) FROM lease_member
    WHERE name = :name AND seen_at > clock_timestamp() - make_interval(secs => :ttl)
""")
_RENEW = text("""
    UPDATE partition_lease AS lease
    SET expires_at = clock_timestamp() + make_interval(secs => :ttl)
    FROM unnest(CAST(:parts AS smallint[]), CAST(:epochs AS bigint[])) AS mine (part, epoch)
    WHERE lease.name = :name AND lease.part = mine.part AND lease.epoch = mine.epoch
      AND lease.owner = :owner
    RETURNING lease.part
""")
_TAKE = text("""
    UPDATE partition_lease AS lease
    SET owner = :owner, epoch = epoch + 1,
        expires_at = clock_timestamp() + make_interval(secs => :ttl)
    FROM (SELECT part FROM partition_lease
          WHERE name = :name AND part <> ALL (CAST(:parts AS smallint[]))
            AND (expires_at < clock_timestamp() OR owner = :owner)
          ORDER BY part LIMIT :wanted FOR UPDATE SKIP LOCKED) AS free
    WHERE lease.name = :name AND lease.part = free.part
    RETURNING lease.part, lease.epoch
""")
_RELEASE = text("""
    UPDATE partition_lease SET expires_at = '-infinity', owner = ''
    WHERE name = :name AND owner = :owner AND part = :part AND epoch = :epoch
""")
_LEAVE = text("DELETE FROM lease_member WHERE name = :name AND owner = :owner")


class PartitionLeases:
    """The leases of one kind of work, shared fairly between the replicas that are alive.

    ``owner`` must be different in every running process.
    """

    def __init__(self, database: Database, name: str, partitions: int, owner: str) -> None:
        self.name = name
        self.owner = owner
        self._database = database
        self._partitions = partitions
        self._held: dict[int, Lease] = {}
        self._valid_until_s = 0.0
        self._prepared = False

    def held(self) -> dict[int, Lease]:
        """Leases by partition; empty when they could not be renewed in time."""
        return dict(self._held) if time.monotonic() < self._valid_until_s else {}

    async def renew(self) -> list[Lease]:
        """Renews, takes what is free up to a fair share; call every RENEW_INTERVAL_S.

        Returns the leases above the share: end the work on them, then `release` them.
        """
        begin = time.monotonic()
        async with self._database.transaction() as connection:
            share = await self._fair_share(connection)
            held = await self._renewed(connection)
            if len(held) < share:
                held |= await self._taken(connection, held, share - len(held))
        self._held, self._valid_until_s = held, begin + LEASE_TTL_S
        return list(held.values())[share:]

    async def release(self, lease: Lease) -> None:
        """Gives one partition back."""
        self._held.pop(lease.partition, None)
        async with self._database.transaction() as connection:
            await connection.execute(
                _RELEASE,
                {
                    "name": lease.name,
                    "owner": lease.owner,
                    "part": lease.partition,
                    "epoch": lease.epoch,
                },
            )

    async def leave(self) -> None:
        """Gives everything back, so that others need not wait for the end of the leases."""
        for lease in list(self._held.values()):
            await self.release(lease)
        async with self._database.transaction() as connection:
            await connection.execute(_LEAVE, {"name": self.name, "owner": self.owner})

    async def _fair_share(self, connection: AsyncConnection) -> int:
        if not self._prepared:
            await connection.execute(_ROWS, {"name": self.name, "partitions": self._partitions})
            self._prepared = True
        await connection.execute(_SEEN, {"name": self.name, "owner": self.owner})
        found = await connection.execute(_MEMBERS, {"name": self.name, "ttl": LEASE_TTL_S})
        members = int(found.scalar_one())
        return math.ceil(self._partitions / max(1, members))

    async def _renewed(self, connection: AsyncConnection) -> dict[int, Lease]:
        if not self._held:
            return {}
        found = await connection.execute(
            _RENEW,
            {
                "name": self.name,
                "owner": self.owner,
                "ttl": LEASE_TTL_S,
                "parts": list(self._held),
                "epochs": [lease.epoch for lease in self._held.values()],
            },
        )
        kept = set(found.scalars())
        return {part: lease for part, lease in self._held.items() if part in kept}

    async def _taken(
        self, connection: AsyncConnection, held: dict[int, Lease], wanted: int
    ) -> dict[int, Lease]:
        found = await connection.execute(
            _TAKE,
            {
                "name": self.name,
                "owner": self.owner,
                "ttl": LEASE_TTL_S,
                "parts": list(held),
                "wanted": wanted,
            },
        )
        return {part: Lease(self.name, part, self.owner, epoch) for part, epoch in found}
