"""Takes in what the ERP answered for a document of a batch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from tandem_finance_posting.application.export_ports import BatchNews, ExportStore, Verdict
from tandem_finance_posting.application.seal_export_batch import mapped_journals
from tandem_finance_posting.domain.export_batch import (
    BatchState,
    ExportBatch,
    ExportGroup,
    ExportHold,
    GroupState,
    MemberState,
    Moment,
    RetryPolicy,
    after_answer,
    batch_state,
    external_id,
    group_of,
    newest,
)
from tandem_finance_posting.domain.export_batch_answer import ErpAnswer, Posted, Refused
from tandem_finance_posting.domain.export_batch_lines import (
    MappedJournal,
    journals_of_lines,
    make_document,
)

ERP_HINT = "put it right in the ERP and release the hold, or approve another account map"
NEWS = {
    BatchState.ACKED: BatchNews.ACKED,
    BatchState.PARTIAL: BatchNews.ACKED,
    BatchState.REJECTED: BatchNews.REJECTED,
    BatchState.UNKNOWN: BatchNews.UNKNOWN,
}


@dataclass(frozen=True)
class SettleExportGroup:
    """``attempts`` is the number of the try the answer belongs to: a slower one before it, whose
    document was taken over by another replica, may only bring good news."""

    batch: ExportBatch
    number: int
    generation: int
    attempts: int
    answer: ErpAnswer
    retry: RetryPolicy

    async def carry_out(self, store: ExportStore, moment: Moment) -> ExportBatch:
        """The batch after the answer."""
        batch = await store.batch(self.batch.ledger.tenant, self.batch.id)
        wanted = (self.number, self.generation)
        group = next(g for g in await store.groups(batch) if (g.number, g.generation) == wanted)
        late = group.attempts != self.attempts and not isinstance(self.answer, Posted)
        if not group.state.open or late:
            return batch
        after = after_answer(group, self.answer, self.retry, moment)
        if after.state is GroupState.ACKED:
            await store.acknowledge(batch, self.number, moment)
        if isinstance(self.answer, Refused):
            after = await self._refused(store, batch, after, moment)
        await store.save_group(batch, after)
        if after.state is GroupState.STALLED and group.state is not GroupState.STALLED:
            batch = replace(batch, version=batch.version + 1)
            await store.save_batch(batch)
            store.tell(batch, BatchNews.STALLED, moment)
        return await moved_on(store, batch, moment)

    async def _refused(
        self, store: ExportStore, batch: ExportBatch, group: ExportGroup, moment: Moment
    ) -> ExportGroup:
        """Holds the journals the ERP objects to; the others go on in the next generation."""
        assert isinstance(self.answer, Refused)
        account_map = await store.account_map(batch.ledger.tenant, batch.map_version)
        journals = mapped_journals(await store.journals_of(batch, self.number), account_map, batch)
        blamed = journals_of_lines(journals, self.answer.lines) or {j.journal.id for j in journals}
        told = Verdict(MemberState.REJECTED, blamed, self.answer.code, self.answer.detail, ERP_HINT)
        await refuse(store, batch, told, journals, moment)
        left = [j for j in journals if j.journal.id not in blamed]
        if not left:
            return group
        generation = group.generation + 1
        name = external_id(batch.ledger, batch.id, self.number, generation)
        document = make_document(batch.ledger, name, left)
        following = group_of(document, self.number, generation, moment.now)
        await store.add_document(batch, following, document)
        return replace(group, state=GroupState.REPLACED)


async def refuse(
    store: ExportStore,
    batch: ExportBatch,
    verdict: Verdict,
    journals: Sequence[MappedJournal],
    moment: Moment,
) -> None:
    """Takes journals the ERP refused out of the batch and holds them; they are not lost."""
    await store.decide(batch, verdict, moment)
    holds = [
        ExportHold(
            journal_id=j.journal.id,
            sequence=j.journal.sequence,
            accounting_date=j.journal.accounting_date,
            code=verdict.code,
            role="",
            detail=verdict.detail,
            hint=verdict.hint,
            map_version=batch.map_version,
        )
        for j in journals
        if j.journal.id in verdict.journal_ids
    ]
    await store.hold(batch.ledger, holds, moment)


async def moved_on(store: ExportStore, batch: ExportBatch, moment: Moment) -> ExportBatch:
    """The batch in the state its documents and journals give it; tells when that is news."""
    groups = await store.groups(batch)
    state = batch_state(groups, await store.member_states(batch))
    if state is batch.state:
        return batch
    over = not any(group.state.open for group in newest(groups))
    news = NEWS.get(state)
    after = replace(
        batch,
        state=state,
        finished_at=moment.now if over else None,
        version=batch.version + (1 if news else 0),
    )
    await store.save_batch(after)
    if news:
        store.tell(after, news, moment)
    return after
