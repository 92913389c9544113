"""Requests of the reservation service as commands, and reservations as messages."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

from tandem.inventory.v1 import reservation_pb2 as wire
from tandem.inventory.v1 import reservation_service_pb2 as api
from tandem_platform.timestamps import from_time as from_time

from tandem_inventory_availability.adapters.wire.stock_mapping import to_time
from tandem_inventory_availability.application.apply_disposition import ApplyDisposition
from tandem_inventory_availability.application.confirm_reservation import ConfirmReservation
from tandem_inventory_availability.application.record_sale import RecordSale
from tandem_inventory_availability.application.release_reservation import ReleaseReservation
from tandem_inventory_availability.application.reserve import Reserve
from tandem_inventory_availability.application.settle_shipment import SettleShipment
from tandem_inventory_availability.domain.errors import InsufficientStock, UnsupportedEnum
from tandem_inventory_availability.domain.local_movements import (
    Disposition,
    ReturnedLine,
    SoldLine,
)
from tandem_inventory_availability.domain.reservation import (
    OwnerKey,
    Reservation,
    ReservationLine,
)
from tandem_inventory_availability.domain.stock_book import Origin
from tandem_inventory_availability.domain.stock_position import StockKey

HOLD_DEFAULT = timedelta(minutes=15)


def to_reservation(reservation: Reservation) -> wire.Reservation:
    """A reservation as it stands."""
    soft = reservation.soft
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
    hold = request.reservation_class == wire.RESERVATION_CLASS_SOFT
    asked = request.time_to_live.ToTimedelta() if request.HasField("time_to_live") else None
    return Reserve(
        reservation_id=reservation_id,
        owner=OwnerKey(tenant, request.owner.type, request.owner.id),
        channel=request.channel,
        time_to_live=(asked or HOLD_DEFAULT) if hold else None,
        lines=tuple(
            ReservationLine(line.line_id, line.sku, line.location, line.quantity)
            for line in request.lines
        ),
        origin=origin,
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


def from_sale(request: api.RecordSaleRequest, tenant: str, origin: Origin) -> RecordSale:
    """The command of a request."""
    lines = tuple(
        SoldLine(x.line_id, StockKey(tenant, x.sku, x.location), x.quantity) for x in request.lines
    )
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


def _quantities(lines: Iterable[api.ReservationQuantity]) -> dict[str, int]:
    quantities: dict[str, int] = {}
    for line in lines:
        quantities[line.line_id] = quantities.get(line.line_id, 0) + line.quantity
    return quantities
