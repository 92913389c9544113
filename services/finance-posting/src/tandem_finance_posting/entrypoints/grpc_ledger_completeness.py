"""The rpcs of `LedgerService` that show what is missing in the books."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

from tandem.finance.v1 import ledger_service_pb2 as api
from tandem_core.clock import Clock
from tandem_core.errors import NotFound
from tandem_platform.database import Database
from tandem_platform.pagination import PageTokens, page_size
from tandem_platform.request_context import current_caller

from tandem_finance_posting.adapters.postgres import close_rows, completeness_rows
from tandem_finance_posting.adapters.postgres.completeness_rows import GapFilter
from tandem_finance_posting.adapters.postgres.period_reads import ClosePolicyOf, ledger_periods
from tandem_finance_posting.adapters.wire.completeness_mapping import (
    event_counts,
    to_gap,
    to_gap_total,
    to_held,
    to_share,
)
from tandem_finance_posting.adapters.wire.draft_mapping import day
from tandem_finance_posting.adapters.wire.period_mapping import to_blocker, to_period
from tandem_finance_posting.domain.close_check import BlockerKind, CloseScope, earlier_open
from tandem_finance_posting.domain.journal import BOOK
from tandem_finance_posting.domain.posting_completeness import posting_shares

SHARES_MAX = 1_000


@dataclass(frozen=True)
class CompletenessParts:
    """What these rpcs are made of beside the reads."""

    policy_of: ClosePolicyOf
    clock: Clock
    late_limit_minor: int


class CompletenessRpcs:
    """Maps requests to reads of what is posted, held and open."""

    _database: Database
    _page_tokens: PageTokens
    _completeness: CompletenessParts

    async def GetPostingCompleteness(
        self, request: api.GetPostingCompletenessRequest, context: Any
    ) -> api.GetPostingCompletenessResponse:
        """How much of a period is in the books, and how near its close is."""
        parts = self._completeness
        ledger = (current_caller().tenant, request.legal_entity, request.book or BOOK)
        now = parts.clock.now()
        today = now.date()
        async with self._database.transaction() as connection:
            policy = await parts.policy_of(connection, ledger[0], today)
            periods = await ledger_periods(connection, ledger, policy, today)
            calendar = periods.calendar
            period = (
                calendar.named(request.period, today)
                if request.period
                else calendar.period_of(today, today)
            )
            if period is None:
                raise NotFound("period", request.period)
            counts = await completeness_rows.shares(connection, ledger, period)
            held = await completeness_rows.held_by_gate(connection, ledger, period)
            dead = await completeness_rows.dead_letters(connection, ledger[0])
            wanted = GapFilter(ledger[0], policy.refund_approvals, ledger[1], period.last)
            refunds = await completeness_rows.gap_totals(connection, wanted)
            scope = CloseScope(ledger, period, today)
            found = await close_rows.run_checks(connection, close_rows.QUICK_CHECKS, scope, policy)
        total, shares = posting_shares(event_counts(counts))
        waiting = [x.count for x in found if x.kind is BlockerKind.UNACKNOWLEDGED_EXPORTS]
        return api.GetPostingCompletenessResponse(
            period=to_period(
                ledger,
                period,
                late=periods.late_of(period),
                late_limit_minor=parts.late_limit_minor,
                balance_hash=periods.hashes.get(period.first, b""),
            ),
            total=to_share(total),
            shares=[to_share(share) for share in shares[:SHARES_MAX]],
            held=to_held(held, now),
            dead_letter_count=dead,
            refunds_unposted=to_gap_total(refunds, "UNPOSTED"),
            refunds_unsettled=to_gap_total(refunds, "UNSETTLED"),
            blockers=[to_blocker(x) for x in (*earlier_open(calendar, period), *found)],
            days_to_end=(period.last - today).days,
            unacknowledged_count=sum(waiting),
        )

    async def ListRefundGaps(
        self, request: api.ListRefundGapsRequest, context: Any
    ) -> api.ListRefundGapsResponse:
        """A page of open refunds."""
        rows = page_size(request.page_size)
        after = self._page_tokens.decode(request.page_token, request)
        today = self._completeness.clock.now().date()
        kind = api.RefundGap.Kind.Name(request.kind).removeprefix("KIND_") if request.kind else ""
        tenant = current_caller().tenant
        async with self._database.transaction() as connection:
            policy = await self._completeness.policy_of(connection, tenant, today)
            wanted = GapFilter(
                tenant=tenant,
                types=policy.refund_approvals,
                legal_entity=request.legal_entity,
                last=day("to_date", request.to_date) if request.to_date else date.max,
                kind=kind,
            )
            found = await completeness_rows.gaps(connection, wanted, after, rows + 1)
        token = ""
        if len(found) > rows:
            last = found[rows - 1]
            position = (last["original_date"].isoformat(), last["key"])
            token = self._page_tokens.encode(position, request)
        return api.ListRefundGapsResponse(
            refund_gaps=[to_gap(row, today) for row in found[:rows]], next_page_token=token
        )
