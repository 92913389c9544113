"""Freezes a batch: documents with lines, counts, totals and hashes, none of which changes again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from tandem_finance_posting.application.export_ports import BatchNews, ExportStore
from tandem_finance_posting.domain.account_map import AccountMap, Unmapped
from tandem_finance_posting.domain.errors import ExportBatchWrongState
from tandem_finance_posting.domain.export_batch import (
    BatchState,
    ExportBatch,
    Moment,
    external_id,
    group_of,
)
from tandem_finance_posting.domain.export_batch_lines import (
    BookJournal,
    ErpDocument,
    MappedJournal,
    canonical_hash,
    make_document,
    map_journal,
    plan_documents,
    total_of,
)


@dataclass(frozen=True)
class SealExportBatch:
    """Documents of at most ``lines_max`` lines; a single journal may have more."""

    tenant: str
    batch_id: str
    lines_max: int

    async def carry_out(self, store: ExportStore, moment: Moment) -> ExportBatch:
        """The sealed batch. Raises NotFound, ExportBatchWrongState."""
        batch = await store.batch(self.tenant, self.batch_id)
        if batch.state is not BatchState.BUILDING:
            raise ExportBatchWrongState(batch.id, batch.state, BatchState.BUILDING)
        account_map = await store.account_map(self.tenant, batch.map_version)
        mapped = mapped_journals(await store.journals_of(batch, 0), account_map, batch)
        documents = []
        for number, journals in enumerate(plan_documents(mapped, self.lines_max), start=1):
            name = external_id(batch.ledger, batch.id, number, 1)
            document = make_document(batch.ledger, name, journals)
            await store.add_document(batch, group_of(document, number, 1, moment.now), document)
            documents.append(document)
        sealed = _sealed(batch, documents, moment)
        await store.save_batch(sealed)
        store.tell(sealed, BatchNews.SEALED, moment)
        return sealed


def mapped_journals(
    journals: Sequence[BookJournal], account_map: AccountMap, batch: ExportBatch
) -> list[MappedJournal]:
    """Journals of a batch with the accounts of its own map: building let none in without."""
    mapped = []
    for journal in journals:
        found = map_journal(journal, account_map, batch.ledger)
        if isinstance(found, Unmapped):
            raise ValueError(f"journal {journal.id} of batch {batch.id}: {found.hint}")
        mapped.append(found)
    return mapped


def _sealed(batch: ExportBatch, documents: Sequence[ErpDocument], moment: Moment) -> ExportBatch:
    lines = [line for document in documents for line in document.lines]
    return replace(
        batch,
        state=BatchState.SEALED,
        line_count=len(lines),
        totals=total_of(lines),
        content_hash=canonical_hash([[d.external_id, d.content_hash] for d in documents]),
        version=batch.version + 1,
        sealed_at=moment.now,
    )
