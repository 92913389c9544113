"""Records what the ERP said about journals of a batch, as told by a person or another system."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

from tandem_finance_posting.application.export_ports import ExportStore, Verdict
from tandem_finance_posting.application.seal_export_batch import mapped_journals
from tandem_finance_posting.application.settle_export_group import ERP_HINT, moved_on, refuse
from tandem_finance_posting.domain.errors import ExportAckInvalid, ExportBatchWrongState
from tandem_finance_posting.domain.export_batch import (
    BatchState,
    ExportBatch,
    GroupState,
    Member,
    MemberState,
    Moment,
    newest,
)


@dataclass(frozen=True)
class JournalAck:
    """What the ERP said about one journal; a refusal has a code."""

    journal_id: str
    posted: bool
    code: str = ""
    detail: str = ""


@dataclass(frozen=True)
class RecordAck:
    """Without acks, all journals not answered yet are posted."""

    tenant: str
    batch_id: str
    acks: tuple[JournalAck, ...]
    erp_ref: str = ""

    async def carry_out(self, store: ExportStore, moment: Moment) -> ExportBatch:
        """Raises NotFound, ExportBatchWrongState, ExportAckInvalid."""
        batch = await store.batch(self.tenant, self.batch_id)
        if batch.state in (BatchState.BUILDING, BatchState.SEALED):
            raise ExportBatchWrongState(batch.id, batch.state, "sent")
        members = {member.journal_id: member for member in await store.members(batch)}
        news = self._news(members)
        posted = [ack.journal_id for ack in news if ack.posted]
        if posted:
            await store.decide(batch, Verdict(MemberState.ACKED, posted), moment)
        refused = [ack for ack in news if not ack.posted]
        if refused:
            await self._refuse(store, batch, refused, moment)
        touched = {members[ack.journal_id].group_number for ack in news}
        await self._close_groups(store, batch, touched)
        return await moved_on(store, batch, moment)

    def _news(self, members: dict[str, Member]) -> list[JournalAck]:
        """The acks that are new. Raises ExportAckInvalid for one that does not fit."""
        if not self.acks:
            waiting = (m for m in members.values() if m.state is MemberState.PENDING)
            return [JournalAck(member.journal_id, posted=True) for member in waiting]
        news: dict[str, JournalAck] = {}
        for ack in self.acks:
            member = members.get(ack.journal_id)
            if member is None:
                raise ExportAckInvalid(ack.journal_id, "is not in the batch")
            if not ack.posted and not ack.code:
                raise ExportAckInvalid(ack.journal_id, "a refusal needs a code")
            said = MemberState.ACKED if ack.posted else MemberState.REJECTED
            before = news.get(ack.journal_id)
            if member.state not in (MemberState.PENDING, said) or (before and before != ack):
                raise ExportAckInvalid(ack.journal_id, "was answered otherwise before")
            if member.state is MemberState.PENDING:
                news[ack.journal_id] = ack
        return list(news.values())

    async def _refuse(
        self,
        store: ExportStore,
        batch: ExportBatch,
        refused: Sequence[JournalAck],
        moment: Moment,
    ) -> None:
        account_map = await store.account_map(self.tenant, batch.map_version)
        journals = mapped_journals(await store.journals_of(batch, 0), account_map, batch)
        for ack in refused:
            told = Verdict(MemberState.REJECTED, [ack.journal_id], ack.code, ack.detail, ERP_HINT)
            await refuse(store, batch, told, journals, moment)

    async def _close_groups(
        self, store: ExportStore, batch: ExportBatch, touched: Collection[int]
    ) -> None:
        """A document all of whose journals were answered for is over."""
        said: dict[int, set[MemberState]] = {}
        for member in await store.members(batch):
            said.setdefault(member.group_number, set()).add(member.state)
        for group in newest(await store.groups(batch)):
            states = said.get(group.number, set())
            if group.number not in touched or MemberState.PENDING in states:
                continue
            over = GroupState.ACKED if MemberState.ACKED in states else GroupState.REJECTED
            ref = self.erp_ref or group.erp_ref
            await store.save_group(batch, replace(group, state=over, erp_ref=ref, due=None))
