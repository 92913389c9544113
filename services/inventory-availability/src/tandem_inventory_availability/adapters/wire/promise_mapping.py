"""Curves and promises as messages."""

from __future__ import annotations

from collections.abc import Sequence

from tandem.inventory.v1 import availability_service_pb2 as api
from tandem_platform.timestamps import from_time, to_time

from tandem_inventory_availability.domain.availability_curve import CurvePoint
from tandem_inventory_availability.domain.promise import Basis, Part, PromisedLine, WantedLine


def to_points(points: Sequence[CurvePoint]) -> list[api.CurvePoint]:
    """A curve."""
    return [
        api.CurvePoint(time=to_time(p.at), projected=p.projected, available=p.available)
        for p in points
    ]


def from_lines(request: api.PromiseRequest) -> list[WantedLine]:
    """What somebody wants."""
    return [
        WantedLine(
            line.line_id,
            line.sku,
            line.quantity,
            from_time(line.need_time) if line.HasField("need_time") else None,
            line.location,
        )
        for line in request.lines
    ]


def to_promised(line: PromisedLine) -> api.PromisedLine:
    """When and from where."""
    complete = line.complete_at
    return api.PromisedLine(
        line_id=line.line_id,
        parts=[_part(part) for part in line.parts],
        short_quantity=line.short,
        promise_time=to_time(complete) if complete else None,
        in_time=line.in_time,
    )


def to_basis(basis: Basis) -> api.Availability.Basis.ValueType:
    """The basis of the contract."""
    return api.Availability.Basis.Value(f"BASIS_{basis.value}")


def _part(part: Part) -> api.PromisedPart:
    return api.PromisedPart(
        location=part.location,
        quantity=part.quantity,
        time=to_time(part.at) if part.at else None,
        basis=to_basis(part.basis),
    )
