"""Lets a sealed batch go, or a stalled one try again. What may be in the ERP is asked for first."""

from __future__ import annotations

from dataclasses import dataclass, replace

from tandem_finance_posting.application.export_ports import BatchNews, ExportStore
from tandem_finance_posting.domain.errors import ExportBatchWrongState, ExportOutcomeUnknown
from tandem_finance_posting.domain.export_batch import (
    BatchState,
    ExportBatch,
    GroupState,
    Moment,
    newest,
)


@dataclass(frozen=True)
class SendExportBatch:
    """Sending itself happens beside: a call to an ERP has no place in a transaction."""

    tenant: str
    batch_id: str

    async def carry_out(self, store: ExportStore, moment: Moment) -> ExportBatch:
        """Raises NotFound, ExportBatchWrongState, ExportOutcomeUnknown."""
        batch = await store.batch(self.tenant, self.batch_id)
        if batch.state is BatchState.SEALED:
            sent = replace(
                batch, state=BatchState.SENDING, sent_at=moment.now, version=batch.version + 1
            )
            await store.save_batch(sent)
            store.tell(sent, BatchNews.SENT, moment)
            return sent
        groups = newest(await store.groups(batch))
        unknown = next((g for g in groups if g.state is GroupState.UNKNOWN), None)
        if unknown:
            raise ExportOutcomeUnknown(batch.id, unknown.external_id)
        stalled = [group for group in groups if group.state is GroupState.STALLED]
        if not stalled:
            raise ExportBatchWrongState(batch.id, batch.state, f"{BatchState.SEALED} or stalled")
        for group in stalled:
            # Nobody knows what the ERP did with the last of many tries: it is asked before.
            again = replace(group, state=GroupState.UNKNOWN, attempts=0, due=moment.now)
            await store.save_group(batch, again)
        return batch
