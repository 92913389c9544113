"""Takes canonical facts of the connectors in: orders, sales, shipments, refunds, payments.

A report about an order that is not there yet, or not that far yet, waits in the database and is
tried again; everything else that cannot be applied raises and becomes a dead letter.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from google.protobuf.message import DecodeError, Message
from tandem.connector.v1 import events_pb2 as facts
from tandem_core.errors import DomainError, NotFound
from tandem_platform import telemetry
from tandem_platform.delivery import Delivery
from tandem_platform.structured_logs import get_logger
from tandem_platform.unit_of_work import UnitOfWork, UnitOfWorkFactory

from tandem_order_orchestrator.adapters.order_writes import OrderWrites, carrier
from tandem_order_orchestrator.adapters.postgres import waiting_reports
from tandem_order_orchestrator.adapters.postgres.order_read_models import order_ids
from tandem_order_orchestrator.adapters.postgres.waiting_reports import WaitingReport
from tandem_order_orchestrator.adapters.wire.draft_mapping import from_draft
from tandem_order_orchestrator.adapters.wire.money_mapping import from_ref
from tandem_order_orchestrator.adapters.wire.report_mapping import (
    cancelled_units,
    from_payment,
    from_refund,
    from_sale,
    from_shipment,
    is_cancellation,
)
from tandem_order_orchestrator.application.apply_order_steps import OrderStep, StepResult
from tandem_order_orchestrator.application.cancel_order import TakeCancellation
from tandem_order_orchestrator.application.confirm_shipment import ConfirmShipment
from tandem_order_orchestrator.application.create_return import CreateReturn
from tandem_order_orchestrator.application.ports import OrderKey
from tandem_order_orchestrator.application.record_store_sale import RecordStoreSale
from tandem_order_orchestrator.application.submit_order import SubmitOrder
from tandem_order_orchestrator.application.take_payment_answer import TakePaymentAnswer
from tandem_order_orchestrator.domain.errors import PayloadUnreadable, ReportTooEarly
from tandem_order_orchestrator.domain.order import order_id

log = get_logger(__name__)

ORDER_UNKNOWN = "ORDER_UNKNOWN"
AGGREGATE_TYPES = frozenset(
    {"external_order", "store_sale", "external_shipment", "payment_command"}
)


@dataclass(frozen=True)
class Report:
    """One fact: what it is, whose it is, and which order it names."""

    tenant: str
    event_id: str
    event_type: str
    payload: bytes
    headers: Mapping[str, str]
    message: Message

    @property
    def order_name(self) -> str:
        """What a warehouse calls the order it ships; empty for facts that name it exactly."""
        return self.message.order_ref if isinstance(self.message, facts.ShipmentReported) else ""

    @property
    def may_be_early(self) -> bool:
        """True when the fact is about an order that comes on another way."""
        return isinstance(self.message, facts.ShipmentReported | facts.RefundReported)


_TYPES: Mapping[str, type[Message]] = {
    message.DESCRIPTOR.full_name: message
    for message in (
        facts.OrderPlaced,
        facts.SaleReported,
        facts.ShipmentReported,
        facts.RefundReported,
        facts.PaymentCompleted,
    )
}


class ConnectorFacts:
    """Applies facts and keeps the early ones."""

    def __init__(
        self,
        writes: OrderWrites,
        units: UnitOfWorkFactory,
        *,
        waiting_rows_max: int,
    ) -> None:
        self._writes = writes
        self._units = units
        self._waiting_rows_max = waiting_rows_max

    async def apply(self, uow: UnitOfWork, deliveries: Sequence[Delivery]) -> None:
        """Applies a batch of the consumer. Raises the first error that waiting does not cure."""
        reports = [_from_delivery(d) for d in deliveries if d.event_type in _TYPES]
        early: list[WaitingReport] = []
        for report, outcome in await self._outcomes(uow, reports):
            if isinstance(outcome, DomainError):
                raise outcome
            if outcome is not None:
                early.append(_waiting(report, outcome))
        await waiting_reports.keep(uow.connection, early)

    async def retry_waiting(self) -> None:
        """One round over the reports that wait."""
        async with self._units() as uow:
            waiting = await waiting_reports.due(uow.connection, self._waiting_rows_max)
            if not waiting:
                return
            await self._retry(uow, waiting)
            await uow.commit()

    async def _retry(self, uow: UnitOfWork, waiting: Sequence[WaitingReport]) -> None:
        reports = [_from_waiting(item) for item in waiting]
        late: dict[str, str] = {}
        for report, outcome in await self._outcomes(uow, reports):
            if isinstance(outcome, DomainError):
                late[report.event_id] = outcome.reason
                # It waits on, visible by its reason: nobody else holds this report any more.
                log.error(
                    "a report that waited is refused", event_id=report.event_id, why=str(outcome)
                )
            elif outcome is not None:
                late[report.event_id] = outcome
        await waiting_reports.later(uow.connection, late)
        applied = [item.event_id for item in waiting if item.event_id not in late]
        await waiting_reports.done(uow.connection, applied)

    async def _outcomes(
        self, uow: UnitOfWork, reports: Sequence[Report]
    ) -> list[tuple[Report, DomainError | str | None]]:
        """What each report met: None when applied, why it has to wait, or why it is refused."""
        ids = await _ids_by_name(uow, reports)
        steps: dict[str, OrderStep] = {}
        outcomes: dict[str, DomainError | str | None] = {}
        for report in reports:
            try:
                step = _step(report, ids.get((report.tenant, report.order_name), ""))
            except DomainError as error:
                outcomes[report.event_id] = error
            else:
                if step is None:
                    outcomes[report.event_id] = ORDER_UNKNOWN
                else:
                    steps[report.event_id] = step
        results = await self._writes.apply(uow, list(steps.values()))
        by_id = {report.event_id: report for report in reports}
        for event_id, result in zip(steps, results, strict=True):
            outcomes[event_id] = _outcome(by_id[event_id], result)
        return [(report, outcomes[report.event_id]) for report in reports]


async def _ids_by_name(uow: UnitOfWork, reports: Sequence[Report]) -> dict[tuple[str, str], str]:
    by_tenant: dict[str, set[str]] = {}
    for report in reports:
        if report.order_name:
            by_tenant.setdefault(report.tenant, set()).add(report.order_name)
    found: dict[tuple[str, str], str] = {}
    for tenant, names in by_tenant.items():
        ids = await order_ids(uow.connection, tenant, sorted(names))
        found.update({(tenant, name): known for name, known in ids.items()})
    return found


def _outcome(report: Report, result: StepResult) -> DomainError | str | None:
    if isinstance(result, ReportTooEarly):
        return result.state
    if isinstance(result, NotFound) and report.may_be_early:
        return ORDER_UNKNOWN
    return result if isinstance(result, DomainError) else None


def _from_delivery(delivery: Delivery) -> Report:
    with delivery.processing("order-orchestrator"):
        headers = carrier()
    return _report(
        delivery.tenant, delivery.event_id, delivery.event_type, delivery.payload, headers
    )


def _from_waiting(item: WaitingReport) -> Report:
    return _report(item.tenant, item.event_id, item.event_type, item.payload, item.headers)


def _report(
    tenant: str, event_id: str, event_type: str, payload: bytes, headers: Mapping[str, str]
) -> Report:
    try:
        message = _TYPES[event_type].FromString(payload)
    except DecodeError as error:
        raise PayloadUnreadable(event_type) from error
    return Report(tenant, event_id, event_type, payload, headers, message)


def _waiting(report: Report, reason: str) -> WaitingReport:
    return WaitingReport(
        report.tenant,
        report.event_id,
        report.event_type,
        report.order_name,
        report.payload,
        report.headers,
        reason,
    )


def _step(report: Report, named: str) -> OrderStep | None:
    """What the report does; None when the order it names is not known."""
    if report.order_name and not named:
        return None
    make = _STEPS[type(report.message)]
    with telemetry.continued(report.headers):
        step: OrderStep = make(report, OrderKey(report.tenant, named), report.message)
    return OrderStep(step.key, step.decide, step.process_hears, report.headers)


def _placed(report: Report, _: OrderKey, fact: facts.OrderPlaced) -> OrderStep:
    trace_id = telemetry.current_trace_id()
    return SubmitOrder(report.tenant, from_draft(fact.order), trace_id).step()


def _sold(report: Report, _: OrderKey, fact: facts.SaleReported) -> OrderStep:
    trace_id = telemetry.current_trace_id()
    return RecordStoreSale(report.tenant, from_sale(fact), trace_id).step()


def _shipped(_: Report, key: OrderKey, fact: facts.ShipmentReported) -> OrderStep:
    return ConfirmShipment(key, from_shipment(fact)).step()


def _refunded(report: Report, _: OrderKey, fact: facts.RefundReported) -> OrderStep:
    key = OrderKey(report.tenant, order_id(report.tenant, from_ref(fact.order_ref)))
    if is_cancellation(fact):
        return TakeCancellation(key, cancelled_units(fact), "CHANNEL").step()
    currency = fact.lines[0].net_amount.currency_code if fact.lines else ""
    currency = currency or fact.shipping_amount.currency_code
    return CreateReturn(key, from_refund(fact, currency)).step()


def _paid(report: Report, _: OrderKey, fact: facts.PaymentCompleted) -> OrderStep:
    if not fact.order_id:
        raise NotFound("order", fact.order_id)
    return TakePaymentAnswer(OrderKey(report.tenant, fact.order_id), from_payment(fact)).step()


_STEPS: Mapping[type[Message], Callable[[Report, OrderKey, Any], OrderStep]] = {
    facts.OrderPlaced: _placed,
    facts.SaleReported: _sold,
    facts.ShipmentReported: _shipped,
    facts.RefundReported: _refunded,
    facts.PaymentCompleted: _paid,
}
