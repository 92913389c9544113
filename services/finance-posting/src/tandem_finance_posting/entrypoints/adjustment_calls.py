"""What the rpcs of adjustments and rates share: transaction, clock, actor, proposals."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from tandem.finance.v1.adjustment_pb2 import Adjustment as AdjustmentMessage
from tandem_core.clock import Clock
from tandem_core.ids import deterministic_id
from tandem_platform.idempotency import IdempotentWrites
from tandem_platform.pagination import PageTokens
from tandem_platform.request_context import current_caller
from tandem_platform.unit_of_work import UnitOfWork

from tandem_finance_posting.adapters.postgres.adjustment_reads import AdjustmentReads
from tandem_finance_posting.adapters.postgres.adjustment_rows import PostgresAdjustmentStore
from tandem_finance_posting.adapters.postgres.rule_store import RuleStore
from tandem_finance_posting.adapters.wire.adjustment_mapping import to_adjustment
from tandem_finance_posting.application.reject_adjustment import reject_adjustment
from tandem_finance_posting.application.rule_ports import Actor
from tandem_finance_posting.domain.adjustment import Adjustment, AdjustmentKind


class Rejecting(Protocol):
    """A request that refuses."""

    adjustment_id: str
    reason: str


class Proposing(Protocol):
    """A request that proposes."""

    request_id: str
    reason: str


@dataclass(frozen=True)
class AdjustmentCalls:
    """Made once; everything else belongs to one call."""

    writes: IdempotentWrites
    reads: AdjustmentReads
    rules: RuleStore
    clock: Clock
    page_tokens: PageTokens

    def now(self) -> datetime:
        """This moment."""
        return self.clock.now()

    def actor(self) -> Actor:
        """Who calls."""
        caller = current_caller()
        return Actor(caller.tenant, caller.subject, self.clock.now())

    def store(self, uow: UnitOfWork) -> PostgresAdjustmentStore:
        """Adjustments in an open unit of work."""
        return PostgresAdjustmentStore(uow, current_caller().tenant, self.rules)

    def proposal(
        self, kind: AdjustmentKind, document: Mapping[str, Any], request: Proposing
    ) -> Adjustment:
        """A new proposal of the caller; its id follows from who asked for it in which request."""
        caller = current_caller()
        made = deterministic_id("adjustment", caller.tenant, caller.subject, request.request_id)
        return Adjustment(made, kind, document, caller.subject, self.clock.now(), request.reason)

    async def rejected(
        self, uow: UnitOfWork, kind: AdjustmentKind, request: Rejecting
    ) -> AdjustmentMessage:
        """A proposal of that kind, refused by the caller."""
        which = (kind, request.adjustment_id)
        done = await reject_adjustment(self.store(uow), which, request.reason, self.actor())
        return to_adjustment(done)
