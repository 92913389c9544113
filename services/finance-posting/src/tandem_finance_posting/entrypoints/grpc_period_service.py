"""`tandem.finance.v1.PeriodService`: opens and closes the books, period by period."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from tandem.finance.v1 import period_pb2 as wire
from tandem.finance.v1 import period_service_pb2 as api
from tandem.finance.v1 import period_service_pb2_grpc
from tandem_core.clock import Clock
from tandem_core.errors import FieldViolation, ValidationFailed
from tandem_core.ids import IdFactory
from tandem_platform.idempotency import IdempotentWrites
from tandem_platform.pagination import PageTokens, page_size
from tandem_platform.request_context import current_caller
from tandem_platform.unit_of_work import UnitOfWork

from tandem_finance_posting.adapters.postgres.period_change_rows import ChangeFilter
from tandem_finance_posting.adapters.postgres.period_reads import (
    ClosePolicyOf,
    LedgerPeriods,
    PeriodReads,
)
from tandem_finance_posting.adapters.postgres.period_transaction import PostgresPeriodTransaction
from tandem_finance_posting.adapters.wire.draft_mapping import day
from tandem_finance_posting.adapters.wire.period_mapping import (
    from_asserted,
    from_definition,
    to_blocker,
    to_change,
    to_period,
)
from tandem_finance_posting.application.approve_reopen_period import (
    ApproveReopenPeriod,
    approve_reopen_period,
)
from tandem_finance_posting.application.assert_close_blockers import (
    AssertCloseBlockers,
    assert_close_blockers,
)
from tandem_finance_posting.application.close_period import ClosePeriod, close_period
from tandem_finance_posting.application.define_periods import DefinePeriods, define_periods
from tandem_finance_posting.application.lock_period import LockPeriod, lock_period
from tandem_finance_posting.application.period_ports import MovedPeriod, PeriodName
from tandem_finance_posting.application.reject_reopen_period import (
    RejectReopenPeriod,
    reject_reopen_period,
)
from tandem_finance_posting.application.reopen_period import ReopenPeriod, reopen_period
from tandem_finance_posting.application.soft_close_period import (
    SoftClosePeriod,
    soft_close_period,
)
from tandem_finance_posting.domain.journal import BOOK
from tandem_finance_posting.domain.period import Period, PeriodState
from tandem_finance_posting.domain.period_change import Decision, LedgerKey

CLOSABLE = (PeriodState.OPEN, PeriodState.SOFT_CLOSED)
LISTED_DAYS_MAX = 40_000
"""Of one question: more than a hundred years of months is no question."""


@dataclass(frozen=True)
class PeriodParts:
    """What the service is made of."""

    writes: IdempotentWrites
    reads: PeriodReads
    policy_of: ClosePolicyOf
    clock: Clock
    ids: IdFactory
    page_tokens: PageTokens
    late_limit_minor: int


def ledger_of(legal_entity: str, book: str) -> LedgerKey:
    """The ledger of a request, of the caller's tenant."""
    return current_caller().tenant, legal_entity, book or BOOK


class PeriodService(period_service_pb2_grpc.PeriodServiceServicer):
    """Maps requests to commands, each in a transaction of its own, and to reads."""

    def __init__(self, parts: PeriodParts) -> None:
        self._parts = parts

    async def ListPeriods(
        self, request: api.ListPeriodsRequest, context: Any
    ) -> api.ListPeriodsResponse:
        """A page of periods in order of their days."""
        rows = page_size(request.page_size)
        after = self._parts.page_tokens.decode(request.page_token, request)
        ledger, today = ledger_of(request.legal_entity, request.book), self._today()
        first, last = self._range(request, today)
        if after:
            first = date.fromisoformat(str(after[0]))
        periods = await self._parts.reads.periods(ledger, today)
        page: list[Period] = []
        for period in periods.calendar.periods(first, last, today):
            page.append(period)
            if len(page) > rows:
                break
        token = ""
        if len(page) > rows:
            token = self._parts.page_tokens.encode((page[rows].first.isoformat(),), request)
        listed = [self._period(ledger, period, periods) for period in page[:rows]]
        return api.ListPeriodsResponse(periods=listed, next_page_token=token)

    @staticmethod
    def _range(request: api.ListPeriodsRequest, today: date) -> tuple[date, date]:
        year_ago = (today.replace(day=1) - timedelta(days=330)).replace(day=1)
        first = day("from_date", request.from_date) if request.from_date else year_ago
        last = day("to_date", request.to_date) if request.to_date else max(today, first)
        if not first <= last <= first + timedelta(days=LISTED_DAYS_MAX):
            told = f"is before from_date, or more than {LISTED_DAYS_MAX} days after it"
            raise ValidationFailed([FieldViolation("to_date", told)])
        return first, last

    async def ListPeriodChanges(
        self, request: api.ListPeriodChangesRequest, context: Any
    ) -> api.ListPeriodChangesResponse:
        """A page of steps."""
        rows = page_size(request.page_size)
        after = self._parts.page_tokens.decode(request.page_token, request)
        state = wire.PeriodChange.State.Name(request.state).removeprefix("STATE_")
        wanted = ChangeFilter(
            current_caller().tenant,
            request.legal_entity,
            request.book,
            state if request.state else "",
        )
        found = await self._parts.reads.changes(wanted, after, rows + 1)
        token = ""
        if len(found) > rows:
            last = found[rows - 1]
            position = (last.proposed.at.isoformat(), last.id)
            token = self._parts.page_tokens.encode(position, request)
        return api.ListPeriodChangesResponse(
            changes=[to_change(change) for change in found[:rows]], next_page_token=token
        )

    async def CloseCheck(
        self, request: api.CloseCheckRequest, context: Any
    ) -> api.CloseCheckResponse:
        """What keeps a period from being closed."""
        ledger = ledger_of(request.legal_entity, request.book)
        period, periods, blockers = await self._parts.reads.close_check(
            ledger, request.period, self._today()
        )
        return api.CloseCheckResponse(
            period=self._period(ledger, period, periods),
            blockers=[to_blocker(blocker) for blocker in blockers],
            ready=not blockers and period.state in CLOSABLE,
        )

    async def DefinePeriods(
        self, request: api.DefinePeriodsRequest, context: Any
    ) -> api.DefinePeriodsResponse:
        """Replaces months by own periods."""
        ledger = ledger_of(request.legal_entity, request.book)
        defined = tuple(from_definition(n, item) for n, item in enumerate(request.periods))

        async def effect(uow: UnitOfWork) -> api.DefinePeriodsResponse:
            transaction = await self._transaction(uow)
            stand = await define_periods(
                transaction, DefinePeriods(ledger, defined), self._parts.clock.now()
            )
            return api.DefinePeriodsResponse(periods=[to_period(ledger, p) for p in stand])

        return await self._parts.writes.run(request, effect)

    async def SoftClosePeriod(
        self, request: api.SoftClosePeriodRequest, context: Any
    ) -> api.SoftClosePeriodResponse:
        """Leaves a period to adjustments."""

        async def effect(uow: UnitOfWork) -> api.SoftClosePeriodResponse:
            command = SoftClosePeriod(self._id(), self._name(request), self._by(request.reason))
            moved = await soft_close_period(await self._transaction(uow), command)
            return api.SoftClosePeriodResponse(**_moved(moved))

        return await self._parts.writes.run(request, effect)

    async def ClosePeriod(
        self, request: api.ClosePeriodRequest, context: Any
    ) -> api.ClosePeriodResponse:
        """Closes a period."""

        async def effect(uow: UnitOfWork) -> api.ClosePeriodResponse:
            command = ClosePeriod(self._id(), self._name(request), self._by(request.reason))
            moved = await close_period(await self._transaction(uow), command)
            return api.ClosePeriodResponse(**_moved(moved))

        return await self._parts.writes.run(request, effect)

    async def LockPeriod(
        self, request: api.LockPeriodRequest, context: Any
    ) -> api.LockPeriodResponse:
        """Locks a period."""

        async def effect(uow: UnitOfWork) -> api.LockPeriodResponse:
            command = LockPeriod(self._id(), self._name(request), self._by(request.reason))
            moved = await lock_period(await self._transaction(uow), command)
            return api.LockPeriodResponse(**_moved(moved))

        return await self._parts.writes.run(request, effect)

    async def ReopenPeriod(
        self, request: api.ReopenPeriodRequest, context: Any
    ) -> api.ReopenPeriodResponse:
        """Proposes to open a period."""

        async def effect(uow: UnitOfWork) -> api.ReopenPeriodResponse:
            name, by = self._name(request), self._by(request.reason)
            command = ReopenPeriod(self._id(), name, by, request.adjustments_only)
            change = await reopen_period(await self._transaction(uow), command)
            return api.ReopenPeriodResponse(change=to_change(change))

        return await self._parts.writes.run(request, effect)

    async def ApproveReopenPeriod(
        self, request: api.ApproveReopenPeriodRequest, context: Any
    ) -> api.ApproveReopenPeriodResponse:
        """Opens a period."""

        async def effect(uow: UnitOfWork) -> api.ApproveReopenPeriodResponse:
            tenant, by = current_caller().tenant, self._by(request.reason)
            command = ApproveReopenPeriod(tenant, request.change_id, by)
            moved = await approve_reopen_period(await self._transaction(uow), command)
            return api.ApproveReopenPeriodResponse(**_moved(moved))

        return await self._parts.writes.run(request, effect)

    async def RejectReopenPeriod(
        self, request: api.RejectReopenPeriodRequest, context: Any
    ) -> api.RejectReopenPeriodResponse:
        """Leaves a period closed."""

        async def effect(uow: UnitOfWork) -> api.RejectReopenPeriodResponse:
            tenant, by = current_caller().tenant, self._by(request.reason)
            command = RejectReopenPeriod(tenant, request.change_id, by)
            change = await reject_reopen_period(await self._transaction(uow), command)
            return api.RejectReopenPeriodResponse(change=to_change(change))

        return await self._parts.writes.run(request, effect)

    async def AssertCloseBlockers(
        self, request: api.AssertCloseBlockersRequest, context: Any
    ) -> api.AssertCloseBlockersResponse:
        """Keeps what another service has found."""
        found = [from_asserted(blocker) for blocker in request.blockers]

        async def effect(uow: UnitOfWork) -> api.AssertCloseBlockersResponse:
            command = AssertCloseBlockers(self._name(request), request.source, found)
            count = await assert_close_blockers(
                await self._transaction(uow), command, self._parts.clock.now()
            )
            return api.AssertCloseBlockersResponse(blocker_count=count)

        return await self._parts.writes.run(request, effect)

    async def _transaction(self, uow: UnitOfWork) -> PostgresPeriodTransaction:
        tenant = current_caller().tenant
        policy = await self._parts.policy_of(uow.connection, tenant, self._today())
        return PostgresPeriodTransaction(uow, policy)

    def _period(self, ledger: LedgerKey, period: Period, periods: LedgerPeriods) -> wire.Period:
        return to_period(
            ledger,
            period,
            late=periods.late_of(period),
            late_limit_minor=self._parts.late_limit_minor,
            balance_hash=periods.hashes.get(period.first, b""),
        )

    def _today(self) -> date:
        return self._parts.clock.now().date()

    def _id(self) -> str:
        return self._parts.ids.new_id()

    def _by(self, reason: str) -> Decision:
        return Decision(current_caller().subject, self._parts.clock.now(), reason)

    @staticmethod
    def _name(request: Any) -> PeriodName:
        return PeriodName(ledger_of(request.legal_entity, request.book), request.period)


def _moved(moved: MovedPeriod) -> dict[str, Any]:
    """The fields every answer to a step has."""
    return {
        "period": to_period(moved.change.ledger, moved.period),
        "change": to_change(moved.change),
    }
