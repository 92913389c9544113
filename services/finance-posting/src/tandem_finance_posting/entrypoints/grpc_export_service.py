"""`tandem.finance.v1.ExportService`: the books on their way into the ERP."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tandem.finance.v1 import export_batch_pb2 as wire
from tandem.finance.v1 import export_service_pb2 as api
from tandem.finance.v1 import export_service_pb2_grpc
from tandem_core.errors import NotFound
from tandem_core.ids import IdFactory
from tandem_platform.idempotency import IdempotentWrites
from tandem_platform.pagination import PageTokens, page_size
from tandem_platform.request_context import current_caller
from tandem_platform.unit_of_work import UnitOfWork

from tandem_finance_posting.adapters.postgres.export_documents import hold_of, line_of
from tandem_finance_posting.adapters.postgres.export_reads import (
    ExportReads,
    LedgerFilter,
    read_batch,
)
from tandem_finance_posting.adapters.postgres.export_rows import PostgresExportStore
from tandem_finance_posting.adapters.wire.export_mapping import (
    to_batch,
    to_export_line,
    to_hold,
    to_member,
)
from tandem_finance_posting.application.build_export_batch import BuildExportBatch
from tandem_finance_posting.application.export_ports import ErpGateway
from tandem_finance_posting.application.record_ack import JournalAck, RecordAck
from tandem_finance_posting.application.release_export_hold import ReleaseExportHold
from tandem_finance_posting.application.seal_export_batch import SealExportBatch
from tandem_finance_posting.application.send_export_batch import SendExportBatch
from tandem_finance_posting.domain.errors import ExportTargetMissing
from tandem_finance_posting.domain.export_batch import ExportBatch, ExportGroup
from tandem_finance_posting.domain.export_batch_lines import LedgerKey
from tandem_finance_posting.entrypoints.export_loop import ExportLimits, ExportLoop


@dataclass(frozen=True)
class ExportDoors:
    """What the service needs beside its reads."""

    writes: IdempotentWrites
    reads: ExportReads
    loop: ExportLoop
    limits: ExportLimits
    gateway: ErpGateway | None
    ids: IdFactory
    page_tokens: PageTokens
    poke: Callable[[], None]
    """Lets the loop begin a round now."""


class ExportService(export_service_pb2_grpc.ExportServiceServicer):
    """Maps requests to batches."""

    def __init__(self, doors: ExportDoors) -> None:
        self._doors = doors

    async def BuildExportBatch(
        self, request: api.BuildExportBatchRequest, context: Any
    ) -> api.BuildExportBatchResponse:
        """Takes journals in."""
        limit = self._doors.limits.journals_max
        wanted = min(request.journals_max or limit, limit)
        ledger = LedgerKey(current_caller().tenant, request.legal_entity, request.book)
        command = BuildExportBatch(ledger, self._doors.ids.new_id(), wanted)

        async def effect(uow: UnitOfWork) -> api.BuildExportBatchResponse:
            built = await command.carry_out(PostgresExportStore(uow), self._doors.loop.moment())
            return api.BuildExportBatchResponse(
                batch=to_batch(built.batch) if built.batch else None,
                added_count=built.added,
                held_count=built.held,
                more=built.more,
            )

        return await self._doors.writes.run(request, effect)

    async def SealExportBatch(
        self, request: api.SealExportBatchRequest, context: Any
    ) -> api.SealExportBatchResponse:
        """Freezes a batch."""
        tenant, limits = current_caller().tenant, self._doors.limits
        command = SealExportBatch(tenant, request.batch_id, limits.lines_max)

        async def effect(uow: UnitOfWork) -> api.SealExportBatchResponse:
            await command.carry_out(PostgresExportStore(uow), self._doors.loop.moment())
            return api.SealExportBatchResponse(batch=await _shown(uow, tenant, request.batch_id))

        return await self._doors.writes.run(request, effect)

    async def SendExportBatch(
        self, request: api.SendExportBatchRequest, context: Any
    ) -> api.SendExportBatchResponse:
        """Lets a batch go."""
        tenant = current_caller().tenant
        if self._doors.gateway is None:
            raise ExportTargetMissing
        command = SendExportBatch(tenant, request.batch_id)

        async def effect(uow: UnitOfWork) -> api.SendExportBatchResponse:
            await command.carry_out(PostgresExportStore(uow), self._doors.loop.moment())
            return api.SendExportBatchResponse(batch=await _shown(uow, tenant, request.batch_id))

        response = await self._doors.writes.run(request, effect)
        self._doors.poke()
        return response

    async def RecordAck(self, request: api.RecordAckRequest, context: Any) -> api.RecordAckResponse:
        """What the ERP said, told by somebody else."""
        tenant = current_caller().tenant
        acks = tuple(JournalAck(a.journal_id, a.posted, a.code, a.detail) for a in request.acks)
        command = RecordAck(tenant, request.batch_id, acks, request.erp_ref)

        async def effect(uow: UnitOfWork) -> api.RecordAckResponse:
            await command.carry_out(PostgresExportStore(uow), self._doors.loop.moment())
            return api.RecordAckResponse(batch=await _shown(uow, tenant, request.batch_id))

        return await self._doors.writes.run(request, effect)

    async def ProbeExport(
        self, request: api.ProbeExportRequest, context: Any
    ) -> api.ProbeExportResponse:
        """Asks the ERP before a transaction is opened: it may take its time."""
        tenant = current_caller().tenant
        if self._doors.gateway is None:
            raise ExportTargetMissing
        command = await self._doors.loop.probe(self._doors.gateway, tenant, request.batch_id)

        async def effect(uow: UnitOfWork) -> api.ProbeExportResponse:
            await command.carry_out(PostgresExportStore(uow), self._doors.loop.moment())
            return api.ProbeExportResponse(batch=await _shown(uow, tenant, request.batch_id))

        return await self._doors.writes.run(request, effect)

    async def ReleaseExportHold(
        self, request: api.ReleaseExportHoldRequest, context: Any
    ) -> api.ReleaseExportHoldResponse:
        """Lets a held journal go."""
        command = ReleaseExportHold(current_caller().tenant, request.journal_id)

        async def effect(uow: UnitOfWork) -> api.ReleaseExportHoldResponse:
            ledger, hold = await command.carry_out(PostgresExportStore(uow))
            return api.ReleaseExportHoldResponse(hold=to_hold(ledger, hold, None))

        response = await self._doors.writes.run(request, effect)
        self._doors.poke()
        return response

    async def ListExportBatches(
        self, request: api.ListExportBatchesRequest, context: Any
    ) -> api.ListExportBatchesResponse:
        """A page of batches."""
        rows = page_size(request.page_size)
        after = self._doors.page_tokens.decode(request.page_token, request)
        wanted = LedgerFilter(current_caller().tenant, request.legal_entity, request.book)
        state = wire.ExportBatch.State.Name(request.state).removeprefix("STATE_")
        found = await self._doors.reads.batches(
            wanted, state if request.state else "", after, rows + 1
        )
        token = ""
        if len(found) > rows:
            last = found[rows - 1]
            place = (last.built_at.isoformat(), last.id)
            token = self._doors.page_tokens.encode(place, request)
        return api.ListExportBatchesResponse(
            batches=[to_batch(batch) for batch in found[:rows]], next_page_token=token
        )

    async def GetExportBatch(
        self, request: api.GetExportBatchRequest, context: Any
    ) -> api.GetExportBatchResponse:
        """One batch with its documents."""
        tenant = current_caller().tenant
        batch, groups, told = await self._doors.reads.batch(tenant, request.batch_id)
        return api.GetExportBatchResponse(batch=to_batch(batch, groups, told))

    async def ListExportLines(
        self, request: api.ListExportLinesRequest, context: Any
    ) -> api.ListExportLinesResponse:
        """A page of a document's lines."""
        rows = page_size(request.page_size)
        after = self._doors.page_tokens.decode(request.page_token, request)
        batch, group = await self._group(request)
        found = await self._doors.reads.lines(batch, group, int(after[0]) if after else 0, rows + 1)
        token = ""
        if len(found) > rows:
            token = self._doors.page_tokens.encode((found[rows - 1]["number"],), request)
        home = group.functional_currency_code
        lines = [to_export_line(line_of(row), home) for row in found[:rows]]
        return api.ListExportLinesResponse(lines=lines, next_page_token=token)

    async def ExplainExportLine(
        self, request: api.ExplainExportLineRequest, context: Any
    ) -> api.ExplainExportLineResponse:
        """What a line is made of."""
        rows = page_size(request.page_size)
        after = self._doors.page_tokens.decode(request.page_token, request)
        batch, group = await self._group(request)
        sealed, found = await self._doors.reads.line_members(batch, group, request.line_number)
        place = tuple(after) if after else (0, 0)
        left = [(j, x) for j, x in found.members if (j.sequence, x.number) > place]
        token = ""
        if len(left) > rows:
            journal, line = left[rows - 1]
            token = self._doors.page_tokens.encode((journal.sequence, line.number), request)
        return api.ExplainExportLineResponse(
            members=[to_member(journal, line) for journal, line in left[:rows]],
            next_page_token=token,
            line=to_export_line(sealed, group.functional_currency_code),
            agrees=found.agrees,
        )

    async def ListExportHolds(
        self, request: api.ListExportHoldsRequest, context: Any
    ) -> api.ListExportHoldsResponse:
        """A page of held journals."""
        rows, tenant = page_size(request.page_size), current_caller().tenant
        after = self._doors.page_tokens.decode(request.page_token, request)
        wanted = LedgerFilter(tenant, request.legal_entity, request.book)
        found = await self._doors.reads.holds(wanted, after, rows + 1)
        token = ""
        if len(found) > rows:
            last = found[rows - 1]
            place = (last["legal_entity"], last["book"], last["sequence"])
            token = self._doors.page_tokens.encode(place, request)
        holds = [
            to_hold(
                LedgerKey(tenant, row["legal_entity"], row["book"]), hold_of(row), row["held_at"]
            )
            for row in found[:rows]
        ]
        return api.ListExportHoldsResponse(holds=holds, next_page_token=token)

    async def _group(
        self, request: api.ListExportLinesRequest | api.ExplainExportLineRequest
    ) -> tuple[ExportBatch, ExportGroup]:
        """The document a request names. Raises NotFound."""
        tenant = current_caller().tenant
        batch, groups, _ = await self._doors.reads.batch(tenant, request.batch_id)
        named = [g for g in groups if g.number == request.group_number]
        if request.generation:
            named = [g for g in named if g.generation == request.generation]
        if not named:
            raise NotFound("export_group", str(request.group_number))
        return batch, named[-1]


async def _shown(uow: UnitOfWork, tenant: str, batch_id: str) -> wire.ExportBatch:
    return to_batch(*await read_batch(uow.connection, tenant, batch_id))
