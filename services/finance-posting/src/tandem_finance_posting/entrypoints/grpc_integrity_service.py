"""`tandem.finance.v1.IntegrityService`: shows that the books are whole."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

from tandem.finance.v1 import integrity_service_pb2 as api
from tandem.finance.v1 import integrity_service_pb2_grpc
from tandem.finance.v1 import seal_pb2 as wire
from tandem_core.clock import Clock
from tandem_core.errors import FieldViolation, NotFound, ValidationFailed
from tandem_platform.idempotency import IdempotentWrites
from tandem_platform.pagination import PageTokens, page_size
from tandem_platform.request_context import current_caller
from tandem_platform.unit_of_work import UnitOfWork

from tandem_finance_posting.adapters.postgres.integrity_reads import IntegrityReads
from tandem_finance_posting.adapters.postgres.sequence_rows import (
    PostgresSequenceTransaction,
    SequenceFilter,
    source_row,
)
from tandem_finance_posting.adapters.wire.draft_mapping import day
from tandem_finance_posting.adapters.wire.journal_difference import differing_fields
from tandem_finance_posting.adapters.wire.row_mapping import journal_from_row
from tandem_finance_posting.adapters.wire.seal_mapping import to_chain_break, to_seal
from tandem_finance_posting.adapters.wire.sequence_mapping import source_of, to_source
from tandem_finance_posting.application.declare_source_sequence import (
    DeclareSourceSequence,
    declare_source_sequence,
)
from tandem_finance_posting.application.note_source_numbers import (
    NoteSourceNumbers,
    note_source_numbers,
)
from tandem_finance_posting.domain.journal import BOOK
from tandem_finance_posting.domain.seal_chain import ChainBreak

VERIFIED_ROWS_MAX = 20_000
DIFFERENCES_MAX = 100


@dataclass(frozen=True)
class IntegrityParts:
    """What the service is made of."""

    reads: IntegrityReads
    writes: IdempotentWrites
    clock: Clock
    page_tokens: PageTokens


class IntegrityService(integrity_service_pb2_grpc.IntegrityServiceServicer):
    """Maps requests to reads, and declarations to writes."""

    def __init__(self, parts: IntegrityParts) -> None:
        self._parts = parts

    async def GetSeal(self, request: api.GetSealRequest, context: Any) -> api.GetSealResponse:
        """The seal of a journal."""
        tenant = current_caller().tenant
        row = await self._parts.reads.seal(tenant, request.journal_id)
        if row is None:
            raise NotFound("seal", request.journal_id)
        return api.GetSealResponse(seal=to_seal(row, tenant))

    async def VerifyChain(
        self, request: api.VerifyChainRequest, context: Any
    ) -> api.VerifyChainResponse:
        """Seals computed again; the first that does not hold is named."""
        key = (current_caller().tenant, request.legal_entity, request.book or BOOK)
        if request.to_sequence and request.to_sequence < request.from_sequence:
            raise ValidationFailed([FieldViolation("to_sequence", "is before from_sequence")])
        first = max(1, request.from_sequence)
        verified, state = await self._parts.reads.verify(
            key, first, request.to_sequence, VERIFIED_ROWS_MAX
        )
        broken = await self._broken(key[0], verified.broken) if verified.broken else None
        return api.VerifyChainResponse(
            verified_count=verified.count,
            broken=broken,
            next_sequence=verified.next_sequence,
            head_sequence=state.head.sequence,
            head_hash=state.head.hash.hex() if state.head.sequence else "",
            unsealed_count=state.unsealed,
        )

    async def _broken(self, tenant: str, found: ChainBreak) -> wire.ChainBreak:
        if not found.journal_id:
            return to_chain_break(found)
        both = await self._parts.reads.told(tenant, found.journal_id)
        if both.told is None or both.stored is None:
            return to_chain_break(found)
        differing = differing_fields(both.told.journal, journal_from_row(both.stored))
        return to_chain_break(found, differing)

    async def ListDailyRoots(
        self, request: api.ListDailyRootsRequest, context: Any
    ) -> api.ListDailyRootsResponse:
        """A page of roots."""
        rows = page_size(request.page_size)
        after = self._parts.page_tokens.decode(request.page_token, request)
        key = (current_caller().tenant, request.legal_entity, request.book)
        found = await self._parts.reads.roots(key, after, rows + 1)
        token = ""
        if len(found) > rows:
            last = found[rows - 1]
            position = (last["day"].isoformat(), last["legal_entity"], last["book"])
            token = self._parts.page_tokens.encode(position, request)
        roots = [
            wire.DailyRoot(
                legal_entity=row["legal_entity"],
                book=row["book"],
                day=row["day"].isoformat(),
                sequence=row["sequence"],
                hash=bytes(row["hash"]).hex(),
            )
            for row in found[:rows]
        ]
        return api.ListDailyRootsResponse(roots=roots, next_page_token=token)

    async def VerifyBalances(
        self, request: api.VerifyBalancesRequest, context: Any
    ) -> api.VerifyBalancesResponse:
        """Balances compared with the sums of their lines."""
        days = day("from_date", request.from_date), day("to_date", request.to_date)
        if days[1] < days[0]:
            raise ValidationFailed([FieldViolation("to_date", "is before from_date")])
        tenant = current_caller().tenant
        compared, different = await self._parts.reads.balances(tenant, request.legal_entity, days)
        return api.VerifyBalancesResponse(
            compared_count=compared,
            differences=[
                api.BalanceDifference(
                    legal_entity=item.legal_entity,
                    book=item.book,
                    role=item.role,
                    accounting_date=item.accounting_date.isoformat(),
                    currency_code=item.currency_code,
                    kept_minor_units=item.kept,
                    lines_minor_units=item.summed,
                )
                for item in different[:DIFFERENCES_MAX]
            ],
        )

    async def DeclareSourceSequence(
        self, request: api.DeclareSourceSequenceRequest, context: Any
    ) -> api.DeclareSourceSequenceResponse:
        """How far a source has counted."""
        caller, now = current_caller(), self._parts.clock.now()
        source = source_of(request, now.date())
        voided = [(item.first, item.last) for item in request.voided]
        if voided and not request.reason:
            raise ValidationFailed([FieldViolation("reason", "is required for void numbers")])
        reason = f"{caller.subject}: {request.reason}" if voided else ""
        command = DeclareSourceSequence(caller.tenant, source, request.last, voided, reason)

        async def effect(uow: UnitOfWork) -> api.DeclareSourceSequenceResponse:
            transaction = PostgresSequenceTransaction(uow.connection)
            await declare_source_sequence(transaction, command, now)
            row = await source_row(uow.connection, caller.tenant, source.name)
            return api.DeclareSourceSequenceResponse(source_sequence=to_source(row))

        return await self._parts.writes.run(request, effect)

    async def NoteSourceNumbers(
        self, request: api.NoteSourceNumbersRequest, context: Any
    ) -> api.NoteSourceNumbersResponse:
        """Numbers a source has handed over."""
        tenant, now = current_caller().tenant, self._parts.clock.now()
        source = source_of(request, now.date())
        numbers = [(item.first, item.last) for item in request.numbers]
        command = NoteSourceNumbers(tenant, source, numbers)

        async def effect(uow: UnitOfWork) -> api.NoteSourceNumbersResponse:
            await note_source_numbers(PostgresSequenceTransaction(uow.connection), command, now)
            row = await source_row(uow.connection, tenant, source.name)
            return api.NoteSourceNumbersResponse(source_sequence=to_source(row))

        return await self._parts.writes.run(request, effect)

    async def ListSourceSequences(
        self, request: api.ListSourceSequencesRequest, context: Any
    ) -> api.ListSourceSequencesResponse:
        """A page of sources with their gaps."""
        rows = page_size(request.page_size)
        after = self._parts.page_tokens.decode(request.page_token, request)
        wanted = SequenceFilter(
            tenant=current_caller().tenant,
            legal_entity=request.legal_entity,
            first=day("from_date", request.from_date) if request.from_date else date.min,
            last=day("to_date", request.to_date) if request.to_date else date.max,
            missing_only=request.missing_only,
        )
        found = await self._parts.reads.sources(wanted, after, rows + 1)
        token = ""
        if len(found) > rows:
            last = found[rows - 1]
            position = (last["business_date"].isoformat(), last["source"])
            token = self._parts.page_tokens.encode(position, request)
        return api.ListSourceSequencesResponse(
            source_sequences=[to_source(row) for row in found[:rows]], next_page_token=token
        )
