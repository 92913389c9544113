"""The rpc of `LedgerService` that sends journals in order of their numbers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from tandem.finance.v1 import ledger_service_pb2 as api
from tandem_platform.request_context import current_caller

from tandem_finance_posting.adapters.postgres.ledger_read_models import LedgerReadModels
from tandem_finance_posting.adapters.wire.row_mapping import journal_from_row
from tandem_finance_posting.domain.journal import BOOK

PIECE_ROWS_MAX = 200
FOLLOW_INTERVAL_S = 0.5
"""Between two looks for more, of a stream that follows."""


class JournalStreamRpcs:
    """Maps a request to reads, page by page; numbers without a gap make a page's end the next
    one's beginning."""

    _read_models: LedgerReadModels

    async def StreamJournals(
        self, request: api.StreamJournalsRequest, context: Any
    ) -> AsyncIterator[api.StreamJournalsResponse]:
        """Journals behind a number; ends with the caller or, unless it follows, with the last."""
        ledger = (current_caller().tenant, request.legal_entity, request.book or BOOK)
        after = request.after_sequence
        while True:
            rows = await self._read_models.journals_after(ledger, after, PIECE_ROWS_MAX)
            if rows:
                after = rows[-1].journal["sequence"]
                yield api.StreamJournalsResponse(journals=[journal_from_row(row) for row in rows])
            if len(rows) == PIECE_ROWS_MAX:
                continue
            if not request.follow:
                return
            await asyncio.sleep(FOLLOW_INTERVAL_S)
