"""Asks the provider what orders are due, and tells what it answered.

Claiming a command marks it uncertain before the provider is called. Whoever claims it again after
a crash or a lost answer first asks the provider what it knows under the command's id.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Protocol

from tandem_connector_sdk.errors import (
    ConnectorError,
    NotAuthorized,
    OutcomeUnknown,
    RateLimited,
    Rejected,
    TemporarilyUnavailable,
)
from tandem_connector_sdk.models import (
    PaymentCommand,
    PaymentCompleted,
    PaymentOutcome,
    PaymentResult,
)
from tandem_connector_sdk.ports import PaymentLookup, PaymentPusher
from tandem_core.clock import Clock

from tandem_connectors.application.connection_book import ConnectionBook
from tandem_connectors.application.ports import (
    EventEncoder,
    FactsToldMeanwhile,
    FaultPoint,
    Provenance,
    Traces,
    Transactions,
)
from tandem_connectors.application.settle_commands import Settlement
from tandem_connectors.application.translate_documents import fact_of
from tandem_connectors.domain.outbound_command import OutboundCommand, RetryPolicy

PUSH_TIMEOUT_SECONDS = 5.0
CLAIM_SECONDS = 30


class PaymentClient(PaymentPusher, PaymentLookup, Protocol):
    """A client that can be asked to pay and asked what it paid."""


@dataclass(frozen=True, slots=True)
class PaymentParts:
    """What carrying out needs beside the queue."""

    book: ConnectionBook
    clients: Mapping[str, PaymentClient]
    encoder: EventEncoder
    traces: Traces
    clock: Clock
    fault_point: FaultPoint
    policy: RetryPolicy = field(default_factory=RetryPolicy)


Settle = Callable[[Settlement], Awaitable[None]]


class CarryOutPayments:
    """Claims due commands and carries each out; `settle` keeps what came of it."""

    def __init__(self, transactions: Transactions, parts: PaymentParts, settle: Settle) -> None:
        self._transactions = transactions
        self._settle = settle
        self._parts = parts

    async def claim(self, limit: int) -> list[OutboundCommand]:
        """Due commands, held for CLAIM_SECONDS."""
        now = self._parts.clock.now()
        until = now + timedelta(seconds=CLAIM_SECONDS)
        async with self._transactions() as transaction:
            claimed = await transaction.commands.claim_due(now, until, limit)
            await transaction.commit()
        return claimed

    async def carry_out(self, command: OutboundCommand) -> None:
        """Asks the provider once and keeps what it said; never raises a ConnectorError."""
        name = f"payment {command.command.action.lower()}"
        with self._parts.traces.following(name, command.carrier):
            try:
                settlement = self._completed(command, await self._ask(command))
            except ConnectorError as error:
                settlement = self._postponed(command, error)
            await self._parts.fault_point("connectors.payment_answered")
            try:
                await self._settle(settlement)
            except FactsToldMeanwhile:
                # Another replica held the command too and told its answer first: now it is known.
                await self._settle(settlement)

    async def _ask(self, command: OutboundCommand) -> PaymentResult:
        client = self._parts.clients[command.connection_id]
        if command.uncertain:
            found = await self._look_up(client, command.command)
            if found is not None:
                return found
        await self._parts.fault_point("connectors.payment_before_push")
        try:
            return await client.push(command.command, PUSH_TIMEOUT_SECONDS)
        except Rejected as error:
            return _declined(command.command, error, self._parts.clock)

    async def _look_up(
        self, client: PaymentClient, command: PaymentCommand
    ) -> PaymentResult | None:
        """A look-up that fails leaves the outcome as unknown as it was."""
        try:
            return await client.find(command)
        except ConnectorError as error:
            raise OutcomeUnknown(f"look-up: {error}", command.command_id) from error

    def _completed(self, command: OutboundCommand, result: PaymentResult) -> Settlement:
        manifest = self._parts.book.get(command.connection_id).plugin.manifest
        provenance = Provenance(command.tenant, command.connection_id, "", manifest.translator)
        fact = fact_of(
            PaymentCompleted(command.command, result),
            self._parts.encoder,
            provenance,
            self._parts.clock,
            self._parts.traces.carrier(),
        )
        return Settlement(command.done(), fact)

    def _postponed(self, command: OutboundCommand, error: ConnectorError) -> Settlement:
        wait = None
        if isinstance(error, RateLimited):
            wait = timedelta(seconds=error.retry_after_seconds)
        in_vain = isinstance(error, RateLimited | TemporarilyUnavailable | NotAuthorized)
        detail = f"{type(error).__name__}: {error}"
        asked = command.asked(in_vain=in_vain)
        later = asked.postponed(self._parts.policy, self._parts.clock.now(), detail, wait)
        return Settlement(later, failure=detail)


def _declined(command: PaymentCommand, error: Rejected, clock: Clock) -> PaymentResult:
    """The provider understood and will never do it: for the order that is a refusal."""
    return PaymentResult(
        outcome=PaymentOutcome.DECLINED,
        amount=command.amount,
        complete_time=clock.now(),
        decline_reason=error.reason,
    )
