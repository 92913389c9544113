"""The port of periods on one open unit of work."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import text
from tandem.finance.v1 import events_pb2
from tandem_platform.event_journal import event_from
from tandem_platform.unit_of_work import UnitOfWork

from tandem_finance_posting.adapters.postgres import (
    balance_rows,
    close_rows,
    period_change_rows,
    period_rows,
    seal_rows,
)
from tandem_finance_posting.adapters.wire.period_mapping import to_change, to_period
from tandem_finance_posting.application.period_ports import AssertedBlocker
from tandem_finance_posting.domain.close_check import Blocker, ClosePolicy, CloseScope, JudgedBooks
from tandem_finance_posting.domain.period import Period, PeriodCalendar
from tandem_finance_posting.domain.period_change import BooksThen, LedgerKey, PeriodChange

_FORGET = text("""
    DELETE FROM asserted_blocker
    WHERE tenant = :tenant AND legal_entity = :entity AND book = :book AND first_date = :first
      AND source = :source
""")
_ASSERT = text("""
    INSERT INTO asserted_blocker (tenant, legal_entity, book, first_date, source, ref, detail,
                                  value_minor, currency_code, asserted_at)
    SELECT :tenant, :entity, :book, :first, :source, ref, detail, value, currency, :now
    FROM json_to_recordset(CAST(:rows AS json))
        AS r (ref text, detail text, value bigint, currency text)
""")


class PostgresPeriodTransaction:
    """Periods' rows in one unit of work."""

    def __init__(self, unit: UnitOfWork, policy: ClosePolicy) -> None:
        self._unit = unit
        self._policy = policy

    async def calendar_alone(self, ledger: LedgerKey) -> PeriodCalendar:
        """The calendar of a ledger; nothing is posted to it until the transaction ends."""
        return await period_rows.load_calendar_alone(self._unit.connection, ledger)

    async def calendar(self, ledger: LedgerKey) -> PeriodCalendar:
        """The calendar of a ledger as it stands."""
        return (await period_rows.read_calendars(self._unit.connection, [ledger]))[ledger]

    async def judge_books(self, scope: CloseScope) -> JudgedBooks:
        """What blocks in the lines of the books, up to some journal."""
        return await close_rows.judge_books(self._unit.connection, scope, self._policy)

    async def blockers(self, scope: CloseScope, judged: JudgedBooks) -> list[Blocker]:
        """Everything that keeps a period from being closed, its ledger locked."""
        connection, policy = self._unit.connection, self._policy
        if not await close_rows.still_holds(connection, judged, scope):
            judged = await close_rows.judge_books(connection, scope, policy)
        quick = await close_rows.run_checks(connection, close_rows.QUICK_CHECKS, scope, policy)
        return [*quick, *judged.blockers]

    async def books_now(self, ledger: LedgerKey, period: Period) -> BooksThen:
        """The end of the chain and the hash of a period's balances."""
        connection = self._unit.connection
        state = await seal_rows.chain_state(connection, ledger)
        balances = await balance_rows.balance_hash(connection, ledger, period.first, period.last)
        sealed = state.head.hash if state.head.sequence else b""
        return BooksThen(state.head.sequence, sealed, balances)

    async def was_closed(self, ledger: LedgerKey, period: Period) -> bool:
        """True when a period was closed at some time."""
        return await period_change_rows.was_closed(self._unit.connection, ledger, period)

    async def store(self, ledger: LedgerKey, period: Period) -> int:
        """Writes a period; its new version, from 1."""
        return await period_change_rows.store_period(self._unit.connection, ledger, period)

    async def change(self, tenant: str, change_id: str) -> PeriodChange | None:
        """A step, its ledger locked alone; None when there is none."""
        return await period_change_rows.lock_change(self._unit.connection, tenant, change_id)

    async def save_change(self, change: PeriodChange) -> None:
        """Writes a step. Raises PeriodMoveRefused for a second open proposal of a period."""
        await period_change_rows.save_change(self._unit.connection, change)

    async def assert_blockers(
        self, scope: CloseScope, source: str, found: Sequence[AssertedBlocker], now: datetime
    ) -> None:
        """Replaces what one source said of a period."""
        arguments = {
            **period_change_rows.ledger_columns(scope.ledger),
            "first": scope.period.first,
            "source": source,
            "now": now,
        }
        await self._unit.connection.execute(_FORGET, arguments)
        rows = [
            {
                "ref": blocker.ref,
                "detail": blocker.detail,
                "value": blocker.amount_minor,
                "currency": blocker.currency_code,
            }
            for blocker in found
        ]
        if rows:
            await self._unit.connection.execute(_ASSERT, {**arguments, "rows": json.dumps(rows)})

    def tell(
        self,
        ledger: LedgerKey,
        period: Period,
        version: int,
        change: PeriodChange | None,
        now: datetime,
    ) -> None:
        """Tells that a period has changed."""
        tenant, entity, book = ledger
        message = events_pb2.FinancePeriodChanged(
            period=to_period(ledger, period), change=to_change(change) if change else None
        )
        self._unit.record(
            event_from(
                message,
                aggregate_type="accounting_period",
                aggregate_id=f"{entity}/{book}/{period.first.isoformat()}",
                aggregate_version=version,
                occurred_at=now,
                tenant=tenant,
            )
        )
