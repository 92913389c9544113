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
from tandem_platform.unit_of_work import UnitOfWork, UnitOfWorkFactory

from tandem_order_orchestrator.adapters.order_writes import OrderWrites, carrier
from tandem_order_orchestrator.adapters.postgres import waiting_reports
from tandem_order_orchestrator.adapters.postgres.order_read_models import OrderReadModels
from tandem_order_orchestrator.adapters.postgres.waiting_reports import WaitingReport
from tandem_order_orchestrator.adapters.wire.draft_mapping import from_draft
from tandem_order_orchestrator.adapters.wire.report_mapping import (
    from_payment,
    from_refund,
    from_sale,
    from_shipment,
    is_cancellation,
)
from tandem_order_orchestrator.application.apply_order_steps import OrderStep
from tandem_order_orchestrator.application.cancel_order import CancelOrder
from tandem_order_orchestrator.application.confirm_shipment import ConfirmShipment
from tandem_order_orchestrator.application.create_return import CreateReturn
from tandem_order_orchestrator.application.ports import OrderKey
from tandem_order_orchestrator.application.record_store_sale import RecordStoreSale
from tandem_order_orchestrator.application.submit_order import SubmitOrder
from tandem_order_orchestrator.application.take_payment_answer import TakePaymentAnswer
from tandem_order_orchestrator.domain.errors import PayloadUnreadable, ReportTooEarly

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
    def order_ref(self) -> str:
        """The name of an order that must exist already; empty when the fact makes its own."""
        if isinstance(self.message, facts.ShipmentReported):
            return self.message.order_ref
        if isinstance(self.message, facts.RefundReported):
            return self.message.order_ref.id
        return ""


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
        read_models: OrderReadModels,
        units: UnitOfWorkFactory,
        *,
        waiting_rows_max: int,
    ) -> None:
        self._writes = writes
        self._read_models = read_models
        self._units = units
        self._waiting_rows_max = waiting_rows_max

    async def apply(self, uow: UnitOfWork, deliveries: Sequence[Delivery]) -> None:
        """Applies a batch of the consumer. Raises the first error that waiting does not cure."""
        reports = [_from_delivery(d) for d in deliveries if d.event_type in _TYPES]
        early = await self._apply(uow, reports)
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
        failed: set[str] = set()
        early = await self._apply(uow, reports, failed)
        late = failed | {item.event_id for item in early}
        await waiting_reports.later(uow.connection, sorted(late))
        applied = [item.event_id for item in waiting if item.event_id not in late]
        await waiting_reports.done(uow.connection, applied)

    async def _apply(
        self, uow: UnitOfWork, reports: Sequence[Report], failed: set[str] | None = None
    ) -> list[WaitingReport]:
        ids = await self._order_ids(reports)
        known = [r for r in reports if not r.order_ref or (r.tenant, r.order_ref) in ids]
        early = [
            _waiting(r, "ORDER_UNKNOWN")
            for r in reports
            if r.order_ref and (r.tenant, r.order_ref) not in ids
        ]
        steps = [_step(r, ids.get((r.tenant, r.order_ref), "")) for r in known]
        results = await self._writes.apply(uow, steps)
        for report, result in zip(known, results, strict=True):
            if isinstance(result, ReportTooEarly):
                early.append(_waiting(report, result.state))
            elif isinstance(result, DomainError):
                if failed is None:
                    raise result
                failed.add(report.event_id)
        return early

    async def _order_ids(self, reports: Sequence[Report]) -> dict[tuple[str, str], str]:
        by_tenant: dict[str, set[str]] = {}
        for report in reports:
            if report.order_ref:
                by_tenant.setdefault(report.tenant, set()).add(report.order_ref)
        found: dict[tuple[str, str], str] = {}
        for tenant, refs in by_tenant.items():
            ids = await self._read_models.order_ids(tenant, sorted(refs))
            found.update({(tenant, ref): order_id for ref, order_id in ids.items()})
        return found


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
        report.order_ref,
        report.payload,
        report.headers,
        reason,
    )


def _step(report: Report, order_id: str) -> OrderStep:
    make = _STEPS[type(report.message)]
    with telemetry.continued(report.headers):
        step: OrderStep = make(report, OrderKey(report.tenant, order_id), report.message)
    return OrderStep(step.key, step.decide, step.process_hears, report.headers)


def _placed(report: Report, _: OrderKey, fact: facts.OrderPlaced) -> OrderStep:
    trace_id = telemetry.current_trace_id()
    return SubmitOrder(report.tenant, from_draft(fact.order), trace_id).step()


def _sold(report: Report, _: OrderKey, fact: facts.SaleReported) -> OrderStep:
    trace_id = telemetry.current_trace_id()
    return RecordStoreSale(report.tenant, from_sale(fact), trace_id).step()


def _shipped(_: Report, key: OrderKey, fact: facts.ShipmentReported) -> OrderStep:
    return ConfirmShipment(key, from_shipment(fact)).step()


def _refunded(_: Report, key: OrderKey, fact: facts.RefundReported) -> OrderStep:
    if is_cancellation(fact):
        return CancelOrder(key, "CHANNEL").step()
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
