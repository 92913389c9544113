"""`tandem.inventory.v1.AvailabilityService`: what can be promised, and why."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import RowMapping
from tandem.inventory.v1 import availability_service_pb2 as api
from tandem.inventory.v1 import availability_service_pb2_grpc
from tandem.inventory.v1 import stock_position_pb2 as wire
from tandem_platform.pagination import PageTokens, page_size
from tandem_platform.request_context import current_caller

from tandem_inventory_availability.adapters.postgres.availability_rows import AvailableRow
from tandem_inventory_availability.adapters.postgres.stock_read_models import StockReadModels
from tandem_inventory_availability.adapters.wire.stock_mapping import (
    to_bucket,
    to_stock_position,
    to_time,
)
from tandem_inventory_availability.domain.stock_position import Bucket

NEVER_REPORTED = -1
NEWEST = 2**63 - 1


class AvailabilityService(availability_service_pb2_grpc.AvailabilityServiceServicer):
    """Maps requests to reads; ``source_fresh_s_max`` is what a source promises."""

    def __init__(
        self, read_models: StockReadModels, page_tokens: PageTokens, *, source_fresh_s_max: int
    ) -> None:
        self._read_models = read_models
        self._page_tokens = page_tokens
        self._fresh_ms_max = source_fresh_s_max * 1000

    async def GetAvailability(
        self, request: api.GetAvailabilityRequest, context: Any
    ) -> api.GetAvailabilityResponse:
        """What can be promised."""
        rows, now = await self._read_models.available(
            current_caller().tenant, request.skus, request.locations
        )
        return api.GetAvailabilityResponse(
            availabilities=[self._availability(row, now) for row in rows], as_of_time=to_time(now)
        )

    def _availability(self, row: AvailableRow, now: datetime) -> api.Availability:
        lag_ms = NEVER_REPORTED
        if row.source_at is not None:
            lag_ms = max(0, int((now - row.source_at).total_seconds() * 1000))
        confidence = api.Availability.CONFIDENCE_HIGH
        if row.gap:
            confidence = api.Availability.CONFIDENCE_GAP
        elif lag_ms == NEVER_REPORTED or lag_ms > self._fresh_ms_max:
            confidence = api.Availability.CONFIDENCE_STALE
        return api.Availability(
            sku=row.sku,
            location=row.location,
            available=max(0, row.free),
            position=row.position,
            source_lag_ms=lag_ms,
            confidence=confidence,
            priority=row.priority,
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
            ledger_entries=[_ledger_entry(row) for row in found[:rows]], next_page_token=token
        )

    async def VerifyIntegrity(
        self, request: api.VerifyIntegrityRequest, context: Any
    ) -> api.VerifyIntegrityResponse:
        """Every figure beside the sum of its parts."""
        count, found = await self._read_models.differences(current_caller().tenant)
        return api.VerifyIntegrityResponse(
            checked_positions=count,
            differences=[
                api.IntegrityDifference(
                    sku=row.sku,
                    location=row.location,
                    figure=row.figure,
                    projected=row.projected,
                    derived=row.derived,
                )
                for row in found
            ],
        )


def _ledger_entry(row: RowMapping) -> wire.LedgerEntry:
    return wire.LedgerEntry(
        position=row["position"],
        sku=row["sku"],
        location=row["location"],
        from_bucket=to_bucket(Bucket(row["from_bucket"])),
        to_bucket=to_bucket(Bucket(row["to_bucket"])),
        quantity=row["quantity"],
        cause=row["cause"],
        reference=row["reference"],
        effective_time=to_time(row["effective_at"]),
        record_time=to_time(row["recorded_at"]),
    )
