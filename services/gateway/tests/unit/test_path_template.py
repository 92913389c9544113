"""Templates of ``google.api.http``."""

from __future__ import annotations

import pytest
from tandem_gateway.entrypoints.rest.http_routes import RouteTable, public_routes
from tandem_gateway.entrypoints.rest.path_template import TemplateUnreadable, compile_template

TABLE = RouteTable(public_routes())


@pytest.mark.parametrize(
    ("template", "path", "fields"),
    [
        ("/v1/orders", "/v1/orders", {}),
        ("/v1/orders/{order_id}", "/v1/orders/o-1", {"order_id": "o-1"}),
        ("/v1/orders/{order_id}:cancel", "/v1/orders/o-1:cancel", {"order_id": "o-1"}),
        ("/v1/{name=shops/*}/x", "/v1/shops/s/x", {"name": "shops/s"}),
        ("/v1/{name=shops/**}", "/v1/shops/a/b", {"name": "shops/a/b"}),
        ("/v1/p/{a}/{b}/ledger", "/v1/p/S%2F1/sku:1/ledger", {"a": "S/1", "b": "sku:1"}),
        ("/v1/a/{x}", "/v1/a/caf%C3%A9", {"x": "café"}),
    ],
)
def test_a_path_binds_the_fields_of_its_template(
    template: str, path: str, fields: dict[str, str]
) -> None:
    assert compile_template(template).match(path) == fields


@pytest.mark.parametrize(
    ("template", "path"),
    [
        ("/v1/orders/{order_id}", "/v1/orders/"),
        ("/v1/orders/{order_id}", "/v1/orders/a/b"),
        ("/v1/orders/{order_id}", "/v1/orders/o-1:cancel"),
        ("/v1/orders/{order_id}:cancel", "/v1/orders/o-1"),
        ("/v1/orders.x", "/v1/orders-x"),
    ],
)
def test_another_path_does_not_match(template: str, path: str) -> None:
    assert compile_template(template).match(path) is None


@pytest.mark.parametrize("template", ["v1/orders", "/v1/{Order}", "/v1/{a", "/v1/}"])
def test_a_template_this_door_cannot_read_stops_the_start(template: str) -> None:
    with pytest.raises(TemplateUnreadable):
        compile_template(template)


def test_every_public_route_finds_itself() -> None:
    for route in TABLE.routes:
        path = route.template.openapi_path
        for field in route.template.fields:
            path = path.replace(f"{{{field}}}", "x")
        match = TABLE.find(route.verb, path)
        assert match is not None, path
        assert match.route.rpc.name == route.rpc.name


def test_a_known_path_names_the_methods_it_takes() -> None:
    assert TABLE.allowed_verbs("/v1/orders") == ["GET", "POST"]
    assert TABLE.allowed_verbs("/v1/orders/o-1:cancel") == ["POST"]
    assert TABLE.allowed_verbs("/v1/oders") == []
