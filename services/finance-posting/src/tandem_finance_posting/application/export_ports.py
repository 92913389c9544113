"""What exporting needs of the outside: rows in one open transaction, and an ERP."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from tandem_finance_posting.domain.account_map import AccountMap
from tandem_finance_posting.domain.export_batch import (
    ExportBatch,
    ExportGroup,
    ExportHold,
    Member,
    MemberState,
    Moment,
)
from tandem_finance_posting.domain.export_batch_answer import ErpAnswer
from tandem_finance_posting.domain.export_batch_lines import (
    BookJournal,
    ErpDocument,
    LedgerKey,
)


class BatchNews(StrEnum):
    """What is told of a batch to other services."""

    SEALED = "SEALED"
    SENT = "SENT"
    ACKED = "ACKED"
    REJECTED = "REJECTED"
    UNKNOWN = "UNKNOWN"
    STALLED = "STALLED"


@dataclass(frozen=True)
class LedgerPosition:
    """How far a ledger is in batches: number of the last journal looked at, and of the last
    batch."""

    last_sequence: int = 0
    last_batch: int = 0


@dataclass(frozen=True)
class Verdict:
    """What became of journals of a batch."""

    state: MemberState
    journal_ids: Collection[str]
    code: str = ""
    detail: str = ""
    hint: str = field(default="")


class ErpGateway(Protocol):
    """An ERP. Raises nothing for what an ERP does: each of its faults is an answer."""

    async def post(self, document: ErpDocument) -> ErpAnswer:
        """Has the document posted, once, however often it is asked."""
        ...

    async def find(self, document: ErpDocument) -> ErpAnswer:
        """What it holds under the document's external id, compared with it."""
        ...


class ExportStore(Protocol):
    """The rows of exporting inside one open transaction."""

    async def lock_ledger(self, ledger: LedgerKey) -> LedgerPosition:
        """Its position; other builders wait until the transaction is over."""
        ...

    async def move_ledger(self, ledger: LedgerKey, position: LedgerPosition) -> None:
        """Writes its position."""
        ...

    async def account_map(self, tenant: str, version: int | None) -> AccountMap:
        """A version of the map, or the one in force. Raises NotFound."""
        ...

    async def journals_after(
        self, ledger: LedgerKey, sequence: int, rows: int
    ) -> list[BookJournal]:
        """Journals behind a number, in the order of the books."""
        ...

    async def free_holds(self, ledger: LedgerKey, map_version: int, rows: int) -> list[BookJournal]:
        """Held journals that were released or judged by another map, in the order of the books."""
        ...

    async def hold(self, ledger: LedgerKey, holds: Sequence[ExportHold], moment: Moment) -> None:
        """Writes or renews holds."""
        ...

    async def end_holds(self, tenant: str, journal_ids: Sequence[str]) -> None:
        """These journals are in a batch now."""
        ...

    async def building(self, ledger: LedgerKey) -> ExportBatch | None:
        """The batch of a ledger that still takes journals in."""
        ...

    async def batch(self, tenant: str, batch_id: str) -> ExportBatch:
        """A batch, locked. Raises NotFound."""
        ...

    async def save_batch(self, batch: ExportBatch) -> None:
        """Inserts or updates a batch."""
        ...

    async def add_members(self, batch: ExportBatch, journals: Sequence[BookJournal]) -> None:
        """Puts journals into a batch."""
        ...

    async def members(self, batch: ExportBatch) -> list[Member]:
        """All journals of a batch, in the order of the books."""
        ...

    async def member_states(self, batch: ExportBatch) -> set[MemberState]:
        """What was said about journals of a batch, each word once."""
        ...

    async def acknowledge(self, batch: ExportBatch, group_number: int, moment: Moment) -> None:
        """The ERP has all journals of a document that were not answered yet."""
        ...

    async def journals_of(self, batch: ExportBatch, group_number: int) -> list[BookJournal]:
        """Journals of one of its documents that are not refused; of all for 0."""
        ...

    async def groups(self, batch: ExportBatch) -> list[ExportGroup]:
        """Its documents, every generation."""
        ...

    async def save_group(self, batch: ExportBatch, group: ExportGroup) -> None:
        """Writes how far a document is."""
        ...

    async def add_document(
        self, batch: ExportBatch, group: ExportGroup, document: ErpDocument
    ) -> None:
        """Writes a new document with its lines, and which journals are in it."""
        ...

    async def decide(self, batch: ExportBatch, verdict: Verdict, moment: Moment) -> None:
        """Writes what the ERP said about journals; those refused are no longer live."""
        ...

    def tell(self, batch: ExportBatch, news: BatchNews, moment: Moment) -> None:
        """Tells other services when the transaction commits."""
        ...
