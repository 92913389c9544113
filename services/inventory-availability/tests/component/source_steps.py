"""Steps of tests on sources: registering, replaying, watching, and what was told."""

from __future__ import annotations

from datetime import timedelta

from tandem.inventory.v1 import signal_service_pb2 as api
from tandem.inventory.v1 import source_service_pb2 as sources
from tandem_core.ids import Uuid7Factory
from tandem_inventory_availability.entrypoints.resync_loop import StreamWatch

from .stock_under_test import (
    Running,
    new_id,
)

Source = sources.StockSource
GAP_WAIT = timedelta(seconds=30)


def watch_of(stock: Running) -> StreamWatch:
    return StreamWatch(stock.units, stock.clock, Uuid7Factory(stock.clock), gap_wait=GAP_WAIT)


async def told(stock: Running, event: type) -> list[object]:
    """Events of a type in the journal, oldest first."""
    name = event.DESCRIPTOR.full_name  # type: ignore[attr-defined]  # a message type
    rows = await stock.rows(f"SELECT payload FROM event_journal WHERE type = '{name}' ORDER BY id")
    return [event.FromString(bytes(row[0])) for row in rows]  # type: ignore[attr-defined,call-overload]  # bytea


async def put(stock: Running, *wanted: Source, **values: object) -> sources.PutSourcesResponse:
    request = sources.PutSourcesRequest(request_id=new_id(), sources=wanted, **values)  # type: ignore[arg-type]  # by name
    return await stock.sources.PutSources(request)


async def replay(stock: Running, *, dry_run: bool) -> api.ReplaySignalsResponse:
    request = api.ReplaySignalsRequest(request_id=new_id(), dry_run=dry_run)
    return await stock.signals.ReplaySignals(request)
