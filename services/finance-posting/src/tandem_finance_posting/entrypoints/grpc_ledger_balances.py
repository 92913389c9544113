"""The rpcs of `LedgerService` that answer from kept balances."""

from __future__ import annotations

from datetime import date
from typing import Any

from tandem.finance.v1 import ledger_service_pb2 as api
from tandem_core.errors import FieldViolation, ValidationFailed
from tandem_platform.database import Database
from tandem_platform.request_context import current_caller

from tandem_finance_posting.adapters.postgres import balance_reads
from tandem_finance_posting.adapters.postgres.balance_reads import BalanceQuery
from tandem_finance_posting.adapters.wire.balance_mapping import (
    BASES,
    to_differences,
    to_movement,
    to_role_balance,
)
from tandem_finance_posting.adapters.wire.draft_mapping import day


class BalanceRpcs:
    """Maps requests to reads of balances."""

    _database: Database

    async def GetTrialBalance(
        self, request: api.GetTrialBalanceRequest, context: Any
    ) -> api.GetTrialBalanceResponse:
        """Balances by role; their differences are zero or the books are broken."""
        query = BalanceQuery(
            tenant=current_caller().tenant,
            legal_entity=request.legal_entity,
            book=request.book,
            basis=BASES[request.date_basis],
            last=day("as_of_date", request.as_of_date) if request.as_of_date else date.max,
        )
        async with self._database.transaction() as connection:
            found = await balance_reads.movements(connection, query)
            count = await balance_reads.journal_count(connection, query)
        return api.GetTrialBalanceResponse(
            balances=[to_role_balance(row) for row in found],
            differences=to_differences(found),
            journal_count=count,
            functional_differences=to_differences(found, functional=True),
        )

    async def GetBalances(
        self, request: api.GetBalancesRequest, context: Any
    ) -> api.GetBalancesResponse:
        """What roles held, what moved, and what they hold."""
        query = BalanceQuery(
            tenant=current_caller().tenant,
            legal_entity=request.legal_entity,
            book=request.book,
            roles=list(request.roles),
            basis=BASES[request.date_basis],
            first=day("from_date", request.from_date) if request.from_date else date.min,
            last=day("to_date", request.to_date) if request.to_date else date.max,
        )
        if query.last < query.first:
            raise ValidationFailed([FieldViolation("to_date", "is before from_date")])
        async with self._database.transaction() as connection:
            found = await balance_reads.movements(connection, query)
        return api.GetBalancesResponse(movements=[to_movement(row) for row in found])
