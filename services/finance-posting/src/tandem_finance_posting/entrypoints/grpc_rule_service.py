"""`tandem.finance.v1.RuleService`: posting rules, from proposal to force."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from tandem.common.v1.money_pb2 import Money
from tandem.finance.v1 import rule_service_pb2 as api
from tandem.finance.v1 import rule_service_pb2_grpc
from tandem_core.clock import Clock
from tandem_core.errors import DomainError
from tandem_platform.database import Database
from tandem_platform.idempotency import IdempotentWrites
from tandem_platform.pagination import PageTokens, page_size
from tandem_platform.request_context import current_caller
from tandem_platform.unit_of_work import UnitOfWork

from tandem_finance_posting.adapters.postgres.rule_set_reads import RuleSetReads
from tandem_finance_posting.adapters.postgres.rule_set_rows import (
    PostgresRuleSetStore,
    history_count,
    history_pages,
)
from tandem_finance_posting.adapters.postgres.rule_store import RuleStore
from tandem_finance_posting.adapters.rules.rule_files import load_rules
from tandem_finance_posting.adapters.wire.draft_mapping import day
from tandem_finance_posting.adapters.wire.rule_set_mapping import to_version
from tandem_finance_posting.application.approve_rule_set import approve_rule_set
from tandem_finance_posting.application.compare_rule_sets import compare_rule_sets
from tandem_finance_posting.application.propose_rule_set import propose_rule_set
from tandem_finance_posting.application.reject_rule_set import reject_rule_set
from tandem_finance_posting.application.rule_ports import Actor, HistoryRange
from tandem_finance_posting.domain.rule_comparison import Totals, ruled_lines

EVENTS_COMPARED = 10_000
"""Events of a comparison that names no number."""
EVENTS_SIMULATED_MAX = 10_000_000


class RuleService(rule_service_pb2_grpc.RuleServiceServicer):
    """Maps requests to the life of rule sets."""

    def __init__(
        self,
        database: Database,
        writes: IdempotentWrites,
        rules: RuleStore,
        clock: Clock,
        page_tokens: PageTokens,
    ) -> None:
        self._database = database
        self._writes = writes
        self._rules = rules
        self._reads = RuleSetReads(database, rules)
        self._clock = clock
        self._page_tokens = page_tokens

    def _store(self, uow: UnitOfWork) -> PostgresRuleSetStore:
        return PostgresRuleSetStore(uow, current_caller().tenant, self._rules)

    def _actor(self) -> Actor:
        caller = current_caller()
        return Actor(caller.tenant, caller.subject, self._clock.now())

    async def ListRuleSets(
        self, request: api.ListRuleSetsRequest, context: Any
    ) -> api.ListRuleSetsResponse:
        """A page of versions."""
        rows = page_size(request.page_size)
        after = self._page_tokens.decode(request.page_token, request)
        found = await self._reads.versions(current_caller().tenant, after, rows + 1)
        token = ""
        if len(found) > rows:
            last = found[rows - 1]
            token = self._page_tokens.encode((last.name, last.version), request)
        return api.ListRuleSetsResponse(
            versions=[to_version(version) for version in found[:rows]], next_page_token=token
        )

    async def GetRuleSet(
        self, request: api.GetRuleSetRequest, context: Any
    ) -> api.GetRuleSetResponse:
        """A version with its source."""
        tenant = current_caller().tenant
        found = await self._reads.version(tenant, request.name, request.version)
        return api.GetRuleSetResponse(version=to_version(found), source=found.source)

    async def ValidateRuleSet(
        self, request: api.ValidateRuleSetRequest, context: Any
    ) -> api.ValidateRuleSetResponse:
        """Proves a source and stores nothing."""
        rules = load_rules(request.source)
        return api.ValidateRuleSetResponse(
            label=rules.label,
            rule_count=len(rules.rules),
            event_type_count=len(rules.event_types),
        )

    async def ProposeRuleSet(
        self, request: api.ProposeRuleSetRequest, context: Any
    ) -> api.ProposeRuleSetResponse:
        """Stores a proved version."""

        async def effect(uow: UnitOfWork) -> api.ProposeRuleSetResponse:
            made = await propose_rule_set(
                self._store(uow), request.source, request.change_ref, self._actor()
            )
            return api.ProposeRuleSetResponse(version=to_version(made))

        return await self._writes.run(request, effect)

    async def CompareRuleSets(
        self, request: api.CompareRuleSetsRequest, context: Any
    ) -> api.CompareRuleSetsResponse:
        """Evaluates a version on history and keeps the evidence."""
        wanted = HistoryRange(
            day("from_date", request.from_date),
            day("to_date", request.to_date),
            request.events_max or EVENTS_COMPARED,
        )

        async def effect(uow: UnitOfWork) -> api.CompareRuleSetsResponse:
            which = (request.name, request.version)
            made = await compare_rule_sets(self._store(uow), which, wanted)
            return api.CompareRuleSetsResponse(version=to_version(made))

        return await self._writes.run(request, effect)

    async def ApproveRuleSet(
        self, request: api.ApproveRuleSetRequest, context: Any
    ) -> api.ApproveRuleSetResponse:
        """Puts a version in force."""

        async def effect(uow: UnitOfWork) -> api.ApproveRuleSetResponse:
            which = (request.name, request.version)
            made = await approve_rule_set(self._store(uow), which, request.diff_hash, self._actor())
            return api.ApproveRuleSetResponse(version=to_version(made))

        return await self._writes.run(request, effect)

    async def RejectRuleSet(
        self, request: api.RejectRuleSetRequest, context: Any
    ) -> api.RejectRuleSetResponse:
        """Refuses a version."""

        async def effect(uow: UnitOfWork) -> api.RejectRuleSetResponse:
            which = (request.name, request.version)
            made = await reject_rule_set(self._store(uow), which, request.reason, self._actor())
            return api.RejectRuleSetResponse(version=to_version(made))

        return await self._writes.run(request, effect)

    async def SimulateHistory(
        self, request: api.SimulateHistoryRequest, context: Any
    ) -> AsyncIterator[api.SimulateHistoryResponse]:
        """Evaluates a version on a range, page by page, in a snapshot of its own."""
        tenant = current_caller().tenant
        rules = await self._reads.rules(tenant, request.name, request.version)
        first, last = day("from_date", request.from_date), day("to_date", request.to_date)
        told, totals = api.SimulateHistoryResponse(), Totals()
        async with self._database.transaction() as connection:
            told.event_count = await history_count(connection, tenant, first, last)
            wanted = HistoryRange(first, last, EVENTS_SIMULATED_MAX)
            async for page in history_pages(connection, tenant, wanted):
                for event in page:
                    try:
                        totals.add(ruled_lines(rules, event))
                    except DomainError:
                        told.refused_count += 1
                told.evaluated_count += len(page)
                yield told
        told.done = True
        told.balances.extend(_balances(totals))
        yield told


def _balances(totals: Totals) -> list[api.SimulatedBalance]:
    return [
        api.SimulatedBalance(
            legal_entity=entity,
            book=book,
            role=role,
            balance=Money(currency_code=currency, minor_units=amount),
        )
        for (entity, book, role, currency), amount in sorted(totals.by_role.items())
    ]
