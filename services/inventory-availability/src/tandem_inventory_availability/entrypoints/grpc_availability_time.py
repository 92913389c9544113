"""Rpcs about what can be promised later: curves and promises."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from google.protobuf.timestamp_pb2 import Timestamp
from tandem.inventory.v1 import availability_service_pb2 as api
from tandem_core.errors import FieldViolation, NotFound, ValidationFailed
from tandem_platform.request_context import current_caller
from tandem_platform.timestamps import from_time, to_time
from tandem_platform.unit_of_work import UnitOfWork

from tandem_inventory_availability.adapters.postgres import promise_rows
from tandem_inventory_availability.adapters.postgres.availability_reads import (
    AvailabilityQuestion,
)
from tandem_inventory_availability.adapters.wire.availability_mapping import (
    from_question,
    mark_stale,
    to_availability,
    to_position_version,
)
from tandem_inventory_availability.adapters.wire.policy_mapping import from_mode
from tandem_inventory_availability.adapters.wire.promise_mapping import (
    from_lines,
    to_points,
    to_promised,
)
from tandem_inventory_availability.application.promise import plan_lines
from tandem_inventory_availability.domain.availability_curve import available_at
from tandem_inventory_availability.domain.promise import group_curve, location_curve
from tandem_inventory_availability.domain.stock_forecast import StockForecast
from tandem_inventory_availability.entrypoints.availability_parts import AvailabilityParts

HORIZON_DEFAULT = timedelta(days=90)
HORIZON_MAX = timedelta(days=730)
POINTS_MAX = 500


class AvailabilityTimeRpcs:
    """Curves, later answers, promises."""

    _parts: AvailabilityParts

    async def GetAvailabilityCurve(
        self, request: api.GetAvailabilityCurveRequest, context: Any
    ) -> api.GetAvailabilityCurveResponse:
        """What can be promised over time."""
        if bool(request.location) == bool(request.group):
            raise ValidationFailed([FieldViolation("location", "either this or a group", "one")])
        now = self._parts.clock.now()
        asked = AvailabilityQuestion(
            current_caller().tenant,
            [request.sku],
            [request.location] if request.location else [],
            [request.group] if request.group else [],
            mode=from_mode(request.fulfilment_mode),
        )
        horizon = _horizon(request, now)
        forecast = await self._parts.reads.forecast(asked, now, horizon)
        if request.location:
            points = location_curve(forecast, request.sku, request.location)
        else:
            points = group_curve(forecast, request.sku, request.group)
        return api.GetAvailabilityCurveResponse(
            points=to_points(points[:POINTS_MAX]), truncated=len(points) > POINTS_MAX
        )

    async def _later(self, request: api.GetAvailabilityRequest) -> api.GetAvailabilityResponse:
        """Answers of a later moment: what is there by then and not needed after it."""
        now, at = self._parts.clock.now(), from_time(request.at)
        if at < now or at > now + HORIZON_MAX:
            told = "is before now or more than 2 years ahead"
            raise ValidationFailed([FieldViolation("at", told, "ahead")])
        asked = from_question(request, current_caller().tenant)
        answers = await self._parts.reads.answers(asked, now)
        forecast = await self._parts.reads.forecast(asked, now, max(at, now + HORIZON_DEFAULT))
        messages = []
        for answer in answers:
            message = to_availability(answer, breakdown=request.include_breakdown)
            points = (
                location_curve(forecast, answer.sku, answer.location)
                if answer.location
                else group_curve(forecast, answer.sku, answer.group)
            )
            message.available = available_at(points, at)
            message.basis = _basis(message.available, available_at(points, now))
            mark_stale(message, answer, request)
            messages.append(message)
        return api.GetAvailabilityResponse(availabilities=messages, as_of_time=to_time(now))

    async def Promise(self, request: api.PromiseRequest, context: Any) -> api.PromiseResponse:
        """When and from where; touches no stock."""
        caller, now = current_caller(), self._parts.clock.now()
        wanted = from_lines(request)
        asked = AvailabilityQuestion(
            caller.tenant,
            list(dict.fromkeys(line.sku for line in wanted)),
            list(dict.fromkeys(line.location for line in wanted if line.location)),
            [request.group] if request.group else [],
            request.channel,
            from_mode(request.fulfilment_mode),
        )
        horizon = _horizon(request, now)

        async def plan(uow: UnitOfWork) -> api.PromiseResponse:
            forecast = await self._parts.reads.forecast(asked, now, horizon)
            promised = plan_lines(forecast, wanted, request.group)
            response = api.PromiseResponse(
                promise_id=self._parts.ids.new_id(),
                lines=[to_promised(line) for line in promised],
                as_of_time=to_time(now),
                positions=_positions(forecast),
                policy_version=forecast.stock.view.policy.version,
            )
            await promise_rows.add(
                uow.connection,
                (caller.tenant, response.promise_id),
                caller.subject,
                (request.SerializeToString(), response.SerializeToString()),
                now,
            )
            return response

        return await self._parts.writes.run(request, plan)

    async def GetPromise(
        self, request: api.GetPromiseRequest, context: Any
    ) -> api.GetPromiseResponse:
        """What was asked and answered."""
        async with self._parts.database.transaction() as connection:
            tenant = current_caller().tenant
            found = await promise_rows.find(connection, tenant, request.promise_id)
        if found is None:
            raise NotFound("promise", request.promise_id)
        asked, answered, actor = found
        return api.GetPromiseResponse(
            request=api.PromiseRequest.FromString(asked),
            response=api.PromiseResponse.FromString(answered),
            actor=actor,
        )


def _horizon(
    request: api.GetAvailabilityCurveRequest | api.PromiseRequest, now: datetime
) -> datetime:
    if not request.HasField("horizon_time"):
        return now + HORIZON_DEFAULT
    stamp: Timestamp = request.horizon_time
    horizon = from_time(stamp)
    if horizon < now or horizon > now + HORIZON_MAX:
        told = "is before now or more than 2 years ahead"
        raise ValidationFailed([FieldViolation("horizon_time", told, "ahead")])
    return horizon


def _basis(later: int, now: int) -> api.Availability.Basis.ValueType:
    if not later:
        return api.Availability.BASIS_NONE
    return api.Availability.BASIS_SUPPLY if later > now else api.Availability.BASIS_ON_HAND


def _positions(forecast: StockForecast) -> list[api.PositionVersion]:
    return [
        to_position_version(position)
        for places in forecast.stock.positions.values()
        for position in places.values()
    ]
