"""Requests of the reservation service as commands, and reservations as messages."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from tandem.inventory.v1 import reservation_pb2 as wire
from tandem.inventory.v1 import reservation_service_pb2 as api
from tandem_core.errors import FieldViolation, ValidationFailed
from tandem_platform.timestamps import from_time as from_time

from tandem_inventory_availability.adapters.wire.stock_mapping import to_time
from tandem_inventory_availability.application.amend_reservation import AmendReservation
from tandem_inventory_availability.application.apply_disposition import ApplyDisposition
from tandem_inventory_availability.application.confirm_reservation import ConfirmReservation
from tandem_inventory_availability.application.extend_reservation import ExtendReservation
from tandem_inventory_availability.application.pin_reservation import PinReservation
from tandem_inventory_availability.application.record_return_receipt import RecordReturnReceipt
from tandem_inventory_availability.application.record_sale import RecordSale
from tandem_inventory_availability.application.release_reservation import ReleaseReservation
from tandem_inventory_availability.application.reserve import Reserve
from tandem_inventory_availability.application.reverse_settlement import ReverseSettlement
from tandem_inventory_availability.application.settle_shipment import SettleShipment
from tandem_inventory_availability.application.transfer_reservation_owner import (
    TransferReservationOwner,
)
from tandem_inventory_availability.domain.errors import InsufficientStock, UnsupportedEnum
from tandem_inventory_availability.domain.local_movements import (
    Disposition,
    ReturnedLine,
    SoldLine,
)
from tandem_inventory_availability.domain.policy_rules import FulfilmentMode
from tandem_inventory_availability.domain.reservation import OwnerKey, Reservation
from tandem_inventory_availability.domain.reservation_changes import AmendedLine, Pin
from tandem_inventory_availability.domain.reservation_line import LineQuantity, ReservationLine
from tandem_inventory_availability.domain.reserving import ExpectedPosition, ReserveMode
from tandem_inventory_availability.domain.stock_book import Origin
from tandem_inventory_availability.domain.stock_position import StockKey

_NO_MODE = "FULFILMENT_MODE_UNSPECIFIED"


def to_reservation(reservation: Reservation) -> wire.Reservation:
    """A reservation as it stands."""
    soft = reservation.soft
    mode = f"FULFILMENT_MODE_{reservation.mode}" if reservation.mode else _NO_MODE
    return wire.Reservation(
        id=reservation.id,
        owner=wire.ReservationOwner(type=reservation.owner.type, id=reservation.owner.id),
        channel=reservation.channel,
        reservation_class=wire.RESERVATION_CLASS_SOFT if soft else wire.RESERVATION_CLASS_HARD,
        state=wire.Reservation.State.Value(f"STATE_{reservation.state.value}"),
        expire_time=to_time(reservation.expires_at) if reservation.expires_at else None,
        version=reservation.version,
        lines=[_line(line) for line in reservation.lines],
        create_time=to_time(reservation.created_at),
        fulfilment_mode=wire.FulfilmentMode.Value(mode),
        checkout_step=reservation.step,
        extension_count=reservation.extensions,
    )


def _line(line: ReservationLine) -> wire.ReservationLine:
    return wire.ReservationLine(
        line_id=line.line_id,
        sku=line.sku,
        location=line.location,
        quantity=line.quantity,
        released_quantity=line.released,
        shipped_quantity=line.shipped,
        settled_quantity=line.settled,
        group=line.group,
        short_quantity=line.short,
        pegged_quantity=line.pegged,
        backordered_quantity=line.backordered,
        pegs=[
            wire.SupplyPeg(supply_line_id=peg.supply_line_id, quantity=peg.quantity)
            for peg in line.pegs
        ],
        bundle_sku=line.bundle,
        bundle_ratio=line.ratio,
        need_by_time=to_time(line.need_by) if line.need_by else None,
        draws=[wire.QuotaDraw(quota_id=d.quota_id, quantity=d.quantity) for d in line.draws],
    )


def to_shortage(error: InsufficientStock) -> wire.StockShortage:
    """What was short and where else there is stock."""
    return wire.StockShortage(
        shorts=[wire.StockShort(**vars(short)) for short in error.shorts],
        alternatives=[wire.StockAlternative(**vars(offer)) for offer in error.alternatives],
    )


def from_reserve(
    request: api.ReserveRequest, tenant: str, reservation_id: str, origin: Origin
) -> Reserve:
    """The command of a request."""
    asked = request.time_to_live.ToTimedelta() if request.HasField("time_to_live") else None
    return Reserve(
        reservation_id=reservation_id,
        owner=OwnerKey(tenant, request.owner.type, request.owner.id),
        channel=request.channel,
        soft=request.reservation_class == wire.RESERVATION_CLASS_SOFT,
        lines=tuple(map(_wanted, request.lines)),
        time_to_live=asked,
        how=_MODES[request.mode],
        mode=from_mode(request.fulfilment_mode),
        step=request.checkout_step,
        expected=_expected(tenant, request.expected_positions),
        origin=origin,
    )


def _wanted(line: api.ReserveLine) -> ReservationLine:
    return ReservationLine(
        line.line_id,
        line.sku,
        line.location,
        line.quantity,
        group=line.group,
        need_by=from_time(line.need_by_time) if line.HasField("need_by_time") else None,
    )


_MODES = {
    wire.RESERVE_MODE_UNSPECIFIED: ReserveMode.ATOMIC,
    wire.RESERVE_MODE_ATOMIC: ReserveMode.ATOMIC,
    wire.RESERVE_MODE_PER_LINE: ReserveMode.PER_LINE,
    wire.RESERVE_MODE_FILL_OR_PEG: ReserveMode.FILL_OR_PEG,
}


def from_mode(value: wire.FulfilmentMode.ValueType) -> FulfilmentMode | None:
    """The mode; None when none in particular is meant."""
    if not value:
        return None
    return FulfilmentMode(wire.FulfilmentMode.Name(value).removeprefix("FULFILMENT_MODE_"))


def _expected(
    tenant: str, messages: Iterable[api.ExpectedPosition]
) -> tuple[ExpectedPosition, ...]:
    return tuple(
        ExpectedPosition(StockKey(tenant, x.sku, x.location), x.position) for x in messages
    )


def from_confirm(
    request: api.ConfirmReservationRequest, tenant: str, origin: Origin
) -> ConfirmReservation:
    """The command of a request."""
    return ConfirmReservation(tenant, request.reservation_id, origin)


def from_release(
    request: api.ReleaseReservationRequest, tenant: str, origin: Origin
) -> ReleaseReservation:
    """The command of a request."""
    quantities = _quantities(request.lines)
    return ReleaseReservation(tenant, request.reservation_id, quantities, origin)


def from_settle(request: api.SettleShipmentRequest, tenant: str, origin: Origin) -> SettleShipment:
    """The command of a request."""
    return SettleShipment(
        tenant, request.reservation_id, request.shipment_ref, _quantities(request.lines), origin
    )


def from_reversal(
    request: api.ReverseSettlementRequest, tenant: str, origin: Origin
) -> ReverseSettlement:
    """The command of a request."""
    return ReverseSettlement(
        tenant, request.reservation_id, request.shipment_ref, _quantities(request.lines), origin
    )


def from_extend(
    request: api.ExtendReservationRequest, tenant: str, origin: Origin
) -> ExtendReservation:
    """The command of a request."""
    asked = request.time_to_live.ToTimedelta() if request.HasField("time_to_live") else None
    return ExtendReservation(tenant, request.reservation_id, asked, origin)


def from_amend(
    request: api.AmendReservationRequest, tenant: str, origin: Origin
) -> AmendReservation:
    """The command of a request."""
    lines = tuple(
        AmendedLine(x.line_id, x.delta, x.sku, x.location, x.group) for x in request.lines
    )
    return AmendReservation(tenant, request.reservation_id, lines, request.expected_version, origin)


def from_pin(request: api.PinReservationRequest, tenant: str, origin: Origin) -> PinReservation:
    """The command of a request."""
    return PinReservation(
        tenant,
        request.reservation_id,
        tuple(
            Pin(x.line_id, x.quantity, x.location, x.from_location, x.sku) for x in request.lines
        ),
        request.expected_version,
        _expected(tenant, request.expected_positions),
        origin,
    )


def from_transfer(
    request: api.TransferReservationOwnerRequest, tenant: str, origin: Origin
) -> TransferReservationOwner:
    """The command of a request."""
    owner = OwnerKey(tenant, request.owner.type, request.owner.id)
    return TransferReservationOwner(tenant, request.reservation_id, owner, origin)


def from_return_receipt(
    request: api.RecordReturnReceiptRequest, tenant: str, origin: Origin
) -> RecordReturnReceipt:
    """The command of a request. Raises ValidationFailed for a line without a location."""
    has_time = request.HasField("receipt_time")
    received_at = from_time(request.receipt_time) if has_time else None
    lines = _at_locations(tenant, request.lines)
    return RecordReturnReceipt(tenant, request.return_ref, lines, received_at, origin)


def _at_locations(tenant: str, lines: Sequence[api.ReserveLine]) -> tuple[SoldLine, ...]:
    violations = [
        FieldViolation(f"lines[{number}].location", "goods are at a location", "required")
        for number, line in enumerate(lines)
        if not line.location
    ]
    if violations:
        raise ValidationFailed(violations)
    return tuple(
        SoldLine(x.line_id, StockKey(tenant, x.sku, x.location), x.quantity) for x in lines
    )


def from_sale(request: api.RecordSaleRequest, tenant: str, origin: Origin) -> RecordSale:
    """The command of a request. Raises ValidationFailed for a line without a location."""
    lines = _at_locations(tenant, request.lines)
    sold_at = from_time(request.sale_time) if request.HasField("sale_time") else None
    return RecordSale(tenant, request.sale_ref, lines, sold_at, origin)


def from_disposition(
    request: api.ApplyDispositionRequest, tenant: str, origin: Origin
) -> ApplyDisposition:
    """The command of a request. Raises UnsupportedEnum for a disposition of a newer contract."""
    lines = tuple(
        ReturnedLine(
            x.line_id,
            StockKey(tenant, x.sku, x.location),
            x.quantity,
            _disposition(number, x.disposition),
            x.received,
        )
        for number, x in enumerate(request.lines)
    )
    has_time = request.HasField("disposition_time")
    decided_at = from_time(request.disposition_time) if has_time else None
    return ApplyDisposition(tenant, request.return_ref, lines, decided_at, origin)


def _disposition(number: int, value: int) -> Disposition:
    if value not in api.Disposition.values():
        raise UnsupportedEnum(f"lines[{number}].disposition", value)
    name = api.Disposition.Name(value)  # type: ignore[arg-type]  # checked above
    return Disposition(name.removeprefix("DISPOSITION_"))


def _quantities(lines: Iterable[api.ReservationQuantity]) -> tuple[LineQuantity, ...]:
    return tuple(LineQuantity(x.line_id, x.quantity, x.location, x.sku) for x in lines)
