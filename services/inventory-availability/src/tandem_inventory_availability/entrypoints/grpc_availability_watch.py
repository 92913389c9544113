"""The stream of what can be promised."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from tandem.inventory.v1 import availability_service_pb2 as api
from tandem_platform.pagination import PageTokenInvalid
from tandem_platform.request_context import current_caller
from tandem_platform.timestamps import to_time

from tandem_inventory_availability.adapters.wire.availability_mapping import (
    from_question,
    to_availability,
)
from tandem_inventory_availability.domain.availability_errors import WatchToken, WatchTooSlow
from tandem_inventory_availability.entrypoints.availability_parts import AvailabilityParts
from tandem_inventory_availability.entrypoints.availability_watch import WatchHub, WatchMessage


class AvailabilityWatchRpcs:
    """Watching."""

    _parts: AvailabilityParts
    _hub: WatchHub

    async def WatchAvailability(
        self, request: api.WatchAvailabilityRequest, context: Any
    ) -> AsyncIterator[api.WatchAvailabilityResponse]:
        """Everything, then changes."""
        since = self._since(request)
        watch = await self._hub.open(from_question(request, current_caller().tenant))
        token = request.resume_token
        try:
            message = await self._hub.first(watch, since)
            while True:
                response = self._response(message, request)
                yield response
                token = response.resume_token
                message = await self._hub.next(watch)
        except WatchTooSlow:
            raise WatchTooSlow(token) from None
        finally:
            self._hub.close(watch)

    def _response(
        self, message: WatchMessage, request: api.WatchAvailabilityRequest
    ) -> api.WatchAvailabilityResponse:
        return api.WatchAvailabilityResponse(
            availabilities=[to_availability(answer) for answer in message.answers],
            snapshot=message.snapshot,
            resume_token=self._parts.page_tokens.encode((message.horizon,), _watched(request)),
            as_of_time=to_time(message.now),
        )

    def _since(self, request: api.WatchAvailabilityRequest) -> int | None:
        try:
            place = self._parts.page_tokens.decode(request.resume_token, _watched(request))
        except PageTokenInvalid:
            raise WatchToken from None
        return int(place[0]) if place else None


def _watched(request: api.WatchAvailabilityRequest) -> api.WatchAvailabilityRequest:
    """What a token is bound to: the same watch, whatever token it was resumed with."""
    watched = api.WatchAvailabilityRequest()
    watched.CopyFrom(request)
    watched.ClearField("resume_token")
    return watched
