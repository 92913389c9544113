"""Applies accepted snapshots in the background."""

from __future__ import annotations

import asyncio
import time

from tandem_inventory_availability.adapters.postgres.snapshot_chunks import SnapshotChunks

ROUND_CHUNKS_MAX = 10_000
"""Parts of one round; the loop's next round goes on with the rest."""


class SnapshotApplier:
    """Works through accepted snapshots, and rests after each part for ``rest_share`` of the time it
    took: reservations share the process and the positions.
    """

    def __init__(self, chunks: SnapshotChunks, *, rest_share: float) -> None:
        self._chunks = chunks
        self._rest_share = rest_share

    async def apply(self) -> int:
        """One round; how many parts were applied."""
        for done in range(ROUND_CHUNKS_MAX):
            began = time.monotonic()
            if not await self._chunks.apply_next():
                return done
            await asyncio.sleep((time.monotonic() - began) * self._rest_share)
        return ROUND_CHUNKS_MAX
