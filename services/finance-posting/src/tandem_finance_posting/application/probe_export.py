"""Asks the ERP what it holds of a batch; settles what is open, compares what was acknowledged."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from tandem_finance_posting.application.export_ports import BatchNews, ExportStore
from tandem_finance_posting.application.settle_export_group import SettleExportGroup
from tandem_finance_posting.domain.errors import ExportBatchWrongState
from tandem_finance_posting.domain.export_batch import (
    DIFFERS_CODE,
    BatchState,
    ExportBatch,
    ExportGroup,
    GroupState,
    Moment,
    RetryPolicy,
    newest,
)
from tandem_finance_posting.domain.export_batch_answer import (
    Absent,
    Differs,
    ErpAnswer,
    Posted,
)

BEFORE_SENDING = (BatchState.BUILDING, BatchState.SEALED)


@dataclass(frozen=True)
class Probed:
    """What the ERP holds of one document."""

    group: ExportGroup
    answer: ErpAnswer


def to_probe(batch: ExportBatch, groups: Sequence[ExportGroup]) -> list[ExportGroup]:
    """Documents the ERP can be asked about: those that were sent. Raises ExportBatchWrongState."""
    if batch.state in BEFORE_SENDING:
        raise ExportBatchWrongState(batch.id, batch.state, "sent")
    skipped = (GroupState.PENDING, GroupState.REJECTED, GroupState.SENDING)
    return [group for group in newest(groups) if group.state not in skipped]


@dataclass(frozen=True)
class ProbeExport:
    """Takes in what was found; a batch that is whole and equal in the ERP is reconciled."""

    batch: ExportBatch
    found: tuple[Probed, ...]
    retry: RetryPolicy

    async def carry_out(self, store: ExportStore, moment: Moment) -> ExportBatch:
        """The batch after that."""
        for probed in self.found:
            group = probed.group
            if group.state.open:
                settle = SettleExportGroup(
                    self.batch, group.number, group.generation, group.attempts,
                    probed.answer, self.retry,
                )  # fmt: skip
                await settle.carry_out(store, moment)
            else:
                await self._compared(store, probed, moment)
        return await self._reconciled(store)

    async def _compared(self, store: ExportStore, probed: Probed, moment: Moment) -> None:
        """An acknowledged document that is gone or other in the ERP is a matter for a person."""
        if not isinstance(probed.answer, (Absent, Differs)):
            return
        batch = await store.batch(self.batch.ledger.tenant, self.batch.id)
        gone = isinstance(probed.answer, Absent)
        detail = "the ERP no longer holds it" if gone else probed.answer.detail  # type: ignore[union-attr]  # Differs
        stalled = replace(
            probed.group, state=GroupState.STALLED, code=DIFFERS_CODE, detail=detail, due=None
        )
        await store.save_group(batch, stalled)
        told = replace(batch, state=BatchState.SENDING, version=batch.version + 1)
        await store.save_batch(told)
        store.tell(told, BatchNews.STALLED, moment)

    async def _reconciled(self, store: ExportStore) -> ExportBatch:
        batch = await store.batch(self.batch.ledger.tenant, self.batch.id)
        groups = newest(await store.groups(batch))
        seen = {p.group.number for p in self.found if isinstance(p.answer, Posted)}
        whole = all(g.number in seen and g.state is GroupState.ACKED for g in groups)
        if batch.state is not BatchState.ACKED or not whole:
            return batch
        after = replace(batch, state=BatchState.RECONCILED)
        await store.save_batch(after)
        return after
