"""Supply lines and transfers between contract and domain."""

from __future__ import annotations

from collections.abc import Sequence

from google.protobuf.message import Message
from tandem.inventory.v1 import events_pb2
from tandem.inventory.v1 import supply_line_pb2 as wire
from tandem.inventory.v1 import supply_service_pb2 as api
from tandem_core.errors import FieldViolation, ValidationFailed
from tandem_platform.timestamps import from_time, to_time

from tandem_inventory_availability.domain.policy_rules import BASIS_POINTS
from tandem_inventory_availability.domain.stock_book import SupplyStep
from tandem_inventory_availability.domain.stock_position import Bucket, StockKey
from tandem_inventory_availability.domain.supply_line import SupplyKind, SupplyLine
from tandem_inventory_availability.domain.supplying import Receipt
from tandem_inventory_availability.domain.transferring import (
    DISCREPANCY,
    Arrival,
    Transfer,
    TransferLine,
)

OVERDUE = "OVERDUE"
REDATED = "REDATED"


def to_supply_line(line: SupplyLine) -> wire.SupplyLine:
    """A supply line as it stands."""
    return wire.SupplyLine(
        id=line.id,
        sku=line.key.sku,
        location=line.key.location,
        kind=wire.SupplyLine.Kind.Value(f"KIND_{line.kind.value}"),
        open_quantity=line.open,
        expected_time=to_time(line.eta),
        confidence_bp=line.confidence,
        promiseable=line.promiseable,
        external_ref=line.external_ref,
        pegged_quantity=line.pegged - line.pegged_expired,
        received_quantity=line.received,
        state=wire.SupplyLine.State.Value(f"STATE_{line.state.value}"),
        source_location=line.source_location,
        ready_time=to_time(line.sellable_from),
        promised_quantity=line.counted,
        overdue_time=to_time(line.overdue_at) if line.overdue_at else None,
        version=line.version,
    )


def to_supply_event(step: SupplyStep) -> Message:
    """What is told of a changed supply line."""
    line = to_supply_line(step.line)
    if step.cause == DISCREPANCY:
        return events_pb2.TransferDiscrepancyFound(
            supply_line=line, difference=step.difference, reason=step.reason
        )
    if step.cause == OVERDUE:
        return events_pb2.SupplyOverdue(supply_line=line)
    if step.cause == REDATED:
        return events_pb2.SupplyRedated(supply_line=line)
    return events_pb2.SupplyLineChanged(supply_line=line, cause=step.cause)


def from_lines(request: api.UpsertSupplyLinesRequest, tenant: str) -> tuple[SupplyLine, ...]:
    """Lines as they are told. Raises ValidationFailed when an id is named twice."""
    _each_once([line.id for line in request.lines], "lines[{}].id")
    return tuple(
        SupplyLine(
            id=line.id,
            key=StockKey(tenant, line.sku, line.location),
            kind=SupplyKind(wire.SupplyLine.Kind.Name(line.kind).removeprefix("KIND_")),
            open=line.open_quantity,
            eta=from_time(line.expected_time),
            confidence=line.confidence_bp if line.HasField("confidence_bp") else BASIS_POINTS,
            promiseable=not line.not_promiseable,
            external_ref=line.external_ref,
        )
        for line in request.lines
    )


def from_receipt(request: api.ReceiveSupplyRequest, tenant: str) -> Receipt:
    """A receipt."""
    state = api.ReceiveSupplyRequest.State.Name(request.state).removeprefix("STATE_")
    has_time = request.HasField("receipt_time")
    return Receipt(
        tenant,
        request.supply_line_id,
        request.receipt_ref,
        request.quantity,
        Bucket.SELLABLE if state == "UNSPECIFIED" else Bucket(state),
        request.reported_by_source,
        request.close,
        from_time(request.receipt_time) if has_time else None,
    )


def from_transfer(request: api.StartTransferRequest, tenant: str) -> Transfer:
    """A transfer."""
    has_confidence = request.HasField("confidence_bp")
    return Transfer(
        tenant,
        request.transfer_id,
        request.from_location,
        request.to_location,
        from_time(request.expected_time),
        tuple(TransferLine(x.line_id, x.sku, x.quantity) for x in request.lines),
        request.confidence_bp if has_confidence else BASIS_POINTS,
    )


def from_arrival(request: api.ReceiveTransferRequest, tenant: str) -> Arrival:
    """An arrival. Raises ValidationFailed when a line is named twice."""
    _each_once([line.line_id for line in request.lines], "lines[{}].line_id")
    has_time = request.HasField("receipt_time")
    return Arrival(
        tenant,
        request.transfer_id,
        request.receipt_ref,
        {line.line_id: line.quantity for line in request.lines},
        request.close,
        request.discrepancy_reason,
        from_time(request.receipt_time) if has_time else None,
    )


def _each_once(names: Sequence[str], field: str) -> None:
    seen: set[str] = set()
    violations = []
    for number, name in enumerate(names):
        if name in seen:
            violation = FieldViolation(field.format(number), "names an earlier one too", "unique")
            violations.append(violation)
        seen.add(name)
    if violations:
        raise ValidationFailed(violations)
