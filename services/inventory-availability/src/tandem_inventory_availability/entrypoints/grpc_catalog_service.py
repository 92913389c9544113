"""`tandem.inventory.v1.CatalogService`: items and locations."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tandem.inventory.v1 import catalog_service_pb2 as api
from tandem.inventory.v1 import catalog_service_pb2_grpc
from tandem_core.errors import FieldViolation, ValidationFailed
from tandem_platform.database import Database
from tandem_platform.idempotency import IdempotentWrites
from tandem_platform.pagination import PageTokens, page_size
from tandem_platform.request_context import current_caller
from tandem_platform.unit_of_work import UnitOfWork

from tandem_inventory_availability.adapters.postgres import catalogue_rows
from tandem_inventory_availability.domain.catalogue import Item, Location, LocationKind


class CatalogService(catalog_service_pb2_grpc.CatalogServiceServicer):
    """Maps requests to rows; there is no rule but that each name stands once."""

    def __init__(
        self, database: Database, writes: IdempotentWrites, page_tokens: PageTokens
    ) -> None:
        self._database = database
        self._writes = writes
        self._page_tokens = page_tokens

    async def PutItems(self, request: api.PutItemsRequest, context: Any) -> api.PutItemsResponse:
        """Creates or updates items."""
        tenant = current_caller().tenant
        _each_once([item.sku for item in request.items], "items[{}].sku")
        items = [_from_item(number, item) for number, item in enumerate(request.items)]

        async def put(uow: UnitOfWork) -> api.PutItemsResponse:
            changed = await catalogue_rows.put_items(uow.connection, tenant, items)
            return api.PutItemsResponse(changed_count=changed)

        return await self._writes.run(request, put)

    async def ListItems(self, request: api.ListItemsRequest, context: Any) -> api.ListItemsResponse:
        """A page of items."""
        rows, after = page_size(request.page_size), self._after(request)
        async with self._database.transaction() as connection:
            found = await catalogue_rows.items(connection, current_caller().tenant, after, rows + 1)
        more = len(found) > rows
        return api.ListItemsResponse(
            items=[_to_item(item) for item in found[:rows]],
            next_page_token=self._token(found[rows - 1].sku, request) if more else "",
        )

    async def PutLocations(
        self, request: api.PutLocationsRequest, context: Any
    ) -> api.PutLocationsResponse:
        """Creates or updates locations."""
        tenant = current_caller().tenant
        _each_once([location.id for location in request.locations], "locations[{}].id")
        locations = [_from_location(location) for location in request.locations]

        async def put(uow: UnitOfWork) -> api.PutLocationsResponse:
            changed = await catalogue_rows.put_locations(uow.connection, tenant, locations)
            return api.PutLocationsResponse(changed_count=changed)

        return await self._writes.run(request, put)

    async def ListLocations(
        self, request: api.ListLocationsRequest, context: Any
    ) -> api.ListLocationsResponse:
        """A page of locations."""
        rows, after = page_size(request.page_size), self._after(request)
        async with self._database.transaction() as connection:
            found = await catalogue_rows.locations(
                connection, current_caller().tenant, after, rows + 1
            )
        more = len(found) > rows
        return api.ListLocationsResponse(
            locations=[_to_location(location) for location in found[:rows]],
            next_page_token=self._token(found[rows - 1].id, request) if more else "",
        )

    def _after(self, request: api.ListItemsRequest | api.ListLocationsRequest) -> str:
        position = self._page_tokens.decode(request.page_token, request)
        return str(position[0]) if position else ""

    def _token(self, last: str, request: api.ListItemsRequest | api.ListLocationsRequest) -> str:
        return self._page_tokens.encode((last,), request)


def _each_once(names: Sequence[str], field: str) -> None:
    violations = [
        FieldViolation(field.format(number), "names an earlier one too", "unique")
        for number, name in enumerate(names)
        if name in names[:number]
    ]
    if violations:
        raise ValidationFailed(violations)


def _from_item(number: int, message: api.Item) -> Item:
    _each_once([x.sku for x in message.components], f"items[{number}].components[{{}}].sku")
    components = {component.sku: component.quantity for component in message.components}
    return Item(message.sku, message.title, message.quantity_scale, components)


def _to_item(item: Item) -> api.Item:
    return api.Item(
        sku=item.sku,
        title=item.title,
        quantity_scale=item.quantity_scale,
        components=[
            api.BundleComponent(sku=sku, quantity=quantity)
            for sku, quantity in sorted(item.components.items())
        ],
    )


def _from_location(message: api.Location) -> Location:
    kind = api.Location.Kind.Name(message.kind).removeprefix("KIND_")
    return Location(message.id, LocationKind(kind), message.title, message.priority, message.ships)


def _to_location(location: Location) -> api.Location:
    return api.Location(
        id=location.id,
        kind=api.Location.Kind.Value(f"KIND_{location.kind.value}"),
        title=location.title,
        priority=location.priority,
        ships=location.ships,
    )
