"""`tandem.inventory.v1.SourceService`: who may report stock."""

from __future__ import annotations

from typing import Any

from tandem.inventory.v1 import source_service_pb2 as api
from tandem.inventory.v1 import source_service_pb2_grpc
from tandem_core.errors import NotFound
from tandem_platform.database import Database
from tandem_platform.idempotency import IdempotentWrites
from tandem_platform.pagination import PageTokens, page_size
from tandem_platform.request_context import current_caller
from tandem_platform.unit_of_work import UnitOfWork

from tandem_inventory_availability.adapters.postgres.source_store import PostgresSourceStore
from tandem_inventory_availability.adapters.wire.source_mapping import from_source, to_source
from tandem_inventory_availability.application.put_sources import (
    PutSources,
    SourceImpact,
    put_sources,
)


class SourceService(source_service_pb2_grpc.SourceServiceServicer):
    """Maps requests to sources."""

    def __init__(
        self, database: Database, writes: IdempotentWrites, page_tokens: PageTokens
    ) -> None:
        self._database = database
        self._writes = writes
        self._page_tokens = page_tokens

    async def PutSources(
        self, request: api.PutSourcesRequest, context: Any
    ) -> api.PutSourcesResponse:
        """Creates or changes sources."""
        wanted = PutSources(
            tenant=current_caller().tenant,
            sources=tuple(
                from_source(source, f"sources[{number}]")
                for number, source in enumerate(request.sources)
            ),
            dry_run=request.dry_run,
            check_versions=request.check_versions,
        )

        async def put(uow: UnitOfWork) -> api.PutSourcesResponse:
            return _response(await put_sources(PostgresSourceStore(uow.connection), wanted))

        return await self._writes.run(request, put)

    async def GetSource(self, request: api.GetSourceRequest, context: Any) -> api.GetSourceResponse:
        """One source."""
        async with self._database.transaction() as connection:
            registry = await PostgresSourceStore(connection).read(current_caller().tenant)
        found = registry.sources.get(request.source_id)
        if found is None:
            raise NotFound("stock source", request.source_id)
        return api.GetSourceResponse(source=to_source(found))

    async def ListSources(
        self, request: api.ListSourcesRequest, context: Any
    ) -> api.ListSourcesResponse:
        """A page of sources."""
        rows = page_size(request.page_size)
        after = self._page_tokens.decode(request.page_token, request)
        async with self._database.transaction() as connection:
            registry = await PostgresSourceStore(connection).read(current_caller().tenant)
        last = str(after[0]) if after else ""
        found = [source for name, source in sorted(registry.sources.items()) if name > last]
        more = len(found) > rows
        return api.ListSourcesResponse(
            sources=[to_source(source) for source in found[:rows]],
            next_page_token=self._page_tokens.encode((found[rows - 1].id,), request)
            if more
            else "",
        )


def _response(impacts: list[SourceImpact]) -> api.PutSourcesResponse:
    return api.PutSourcesResponse(
        sources=[to_source(impact.source) for impact in impacts],
        impacts=[
            api.SourceImpact(
                source_id=impact.source.id,
                created=impact.created,
                changed=impact.changed,
                streams=impact.streams,
                lost_positions=impact.lost_positions,
            )
            for impact in impacts
        ],
    )
