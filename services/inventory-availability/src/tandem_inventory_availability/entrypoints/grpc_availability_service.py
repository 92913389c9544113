"""`tandem.inventory.v1.AvailabilityService`: what can be promised, and why."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

from tandem.inventory.v1 import availability_service_pb2 as api
from tandem.inventory.v1 import availability_service_pb2_grpc
from tandem_platform.pagination import page_size
from tandem_platform.request_context import current_caller

from tandem_inventory_availability.adapters.postgres.availability_reads import (
    AvailabilityQuestion,
)
from tandem_inventory_availability.adapters.wire.availability_mapping import (
    from_question,
    mark_stale,
    to_availability,
)
from tandem_inventory_availability.adapters.wire.explanation_mapping import (
    ledger_entry,
    to_difference,
)
from tandem_inventory_availability.adapters.wire.policy_mapping import from_mode
from tandem_inventory_availability.adapters.wire.stock_mapping import to_stock_position, to_time
from tandem_inventory_availability.domain.availability_answer import ranked
from tandem_inventory_availability.domain.repairing import Difference
from tandem_inventory_availability.entrypoints.availability_parts import AvailabilityParts
from tandem_inventory_availability.entrypoints.availability_watch import WatchHub
from tandem_inventory_availability.entrypoints.grpc_availability_history import (
    AvailabilityHistoryRpcs,
)
from tandem_inventory_availability.entrypoints.grpc_availability_time import AvailabilityTimeRpcs
from tandem_inventory_availability.entrypoints.grpc_availability_watch import (
    AvailabilityWatchRpcs,
)

NEWEST = 2**63 - 1
SKUS_PER_PIECE = 250
LOCATIONS_DEFAULT = 20


class AvailabilityService(
    AvailabilityHistoryRpcs,
    AvailabilityTimeRpcs,
    AvailabilityWatchRpcs,
    availability_service_pb2_grpc.AvailabilityServiceServicer,
):
    """Maps requests to reads; the rpcs of its parts are in files of their own."""

    def __init__(self, parts: AvailabilityParts, hub: WatchHub) -> None:
        self._parts = parts
        self._hub = hub
        self._reads = parts.reads
        self._read_models = parts.read_models
        self._page_tokens = parts.page_tokens

    async def GetAvailability(
        self, request: api.GetAvailabilityRequest, context: Any
    ) -> api.GetAvailabilityResponse:
        """What can be promised."""
        if request.HasField("at"):
            return await self._later(request)
        asked = from_question(request, current_caller().tenant)
        found = await self._parts.batches.answers(asked)
        messages = []
        for answer in found.answers:
            message = to_availability(answer, breakdown=request.include_breakdown)
            mark_stale(message, answer, request)
            messages.append(message)
        return api.GetAvailabilityResponse(availabilities=messages, as_of_time=to_time(found.now))

    async def BatchGetAvailability(
        self, request: api.BatchGetAvailabilityRequest, context: Any
    ) -> AsyncIterator[api.BatchGetAvailabilityResponse]:
        """Answers of many SKUs, in pieces."""
        asked, now = from_question(request, current_caller().tenant), self._reads.now()
        for start in range(0, len(asked.skus), SKUS_PER_PIECE):
            piece = replace(asked, skus=asked.skus[start : start + SKUS_PER_PIECE])
            yield api.BatchGetAvailabilityResponse(
                availabilities=[to_availability(x) for x in await self._reads.answers(piece, now)],
                as_of_time=to_time(now),
            )

    async def FindLocations(
        self, request: api.FindLocationsRequest, context: Any
    ) -> api.FindLocationsResponse:
        """Where a quantity can be promised."""
        now = self._reads.now()
        found = await self._reads.everywhere(
            AvailabilityQuestion(
                current_caller().tenant,
                [request.sku],
                groups=[request.group] if request.group else [],
                channel=request.channel,
                mode=from_mode(request.fulfilment_mode),
            ),
            now,
        )
        best = ranked(found, request.quantity)[: request.limit or LOCATIONS_DEFAULT]
        return api.FindLocationsResponse(
            availabilities=[to_availability(answer) for answer in best], as_of_time=to_time(now)
        )

    async def ListStockPositions(
        self, request: api.ListStockPositionsRequest, context: Any
    ) -> api.ListStockPositionsResponse:
        """A page of positions."""
        rows = page_size(request.page_size)
        after = self._page_tokens.decode(request.page_token, request)
        filters = (request.sku, request.location)
        tenant = current_caller().tenant
        found = await self._read_models.positions(tenant, filters, after, rows + 1)
        token = ""
        if len(found) > rows:
            last = found[rows - 1].key
            token = self._page_tokens.encode((last.sku, last.location), request)
        return api.ListStockPositionsResponse(
            stock_positions=[to_stock_position(item) for item in found[:rows]],
            next_page_token=token,
        )

    async def ListLedgerEntries(
        self, request: api.ListLedgerEntriesRequest, context: Any
    ) -> api.ListLedgerEntriesResponse:
        """A page of a ledger."""
        rows = page_size(request.page_size)
        after = self._page_tokens.decode(request.page_token, request)
        before = int(after[0]) if after else NEWEST
        key = (current_caller().tenant, request.sku, request.location)
        found = await self._read_models.ledger(key, before, rows + 1)
        token = ""
        if len(found) > rows:
            token = self._page_tokens.encode((found[rows - 1]["position"],), request)
        return api.ListLedgerEntriesResponse(
            ledger_entries=[ledger_entry(row) for row in found[:rows]], next_page_token=token
        )

    async def VerifyIntegrity(
        self, request: api.VerifyIntegrityRequest, context: Any
    ) -> api.VerifyIntegrityResponse:
        """Every figure beside the sum of its parts."""
        count, found = await self._read_models.differences(current_caller().tenant)
        return api.VerifyIntegrityResponse(
            checked_positions=count,
            differences=[to_difference(Difference(*tuple(row))) for row in found],
        )
