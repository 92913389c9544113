"""The OpenAPI document is valid, complete, and true to the contracts."""

from __future__ import annotations

import json
from typing import Any

import jsonschema
import pytest
from google.protobuf import json_format
from openapi_spec_validator import OpenAPIV31SpecValidator
from tandem.order.v1 import order_service_pb2
from tandem_gateway.entrypoints.rest.http_routes import public_routes
from tandem_gateway.entrypoints.rest.openapi.document import openapi_document
from tandem_platform.method_table import rpc_methods

DOCUMENT: dict[str, Any] = openapi_document(public_routes(), "0.1.0")


def operations() -> list[tuple[str, str, dict[str, Any]]]:
    return [(p, v, o) for p, item in DOCUMENT["paths"].items() for v, o in item.items()]


def schema(name: str) -> dict[str, Any]:
    return {"$ref": f"#/components/schemas/{name}", "components": DOCUMENT["components"]}


def test_the_document_is_valid_openapi_3_1() -> None:
    OpenAPIV31SpecValidator(DOCUMENT).validate()


def test_the_document_survives_json() -> None:
    assert json.loads(json.dumps(DOCUMENT)) == DOCUMENT


def test_every_public_rpc_has_an_operation_with_description_scopes_and_problems() -> None:
    described = {operation["operationId"]: operation for _, _, operation in operations()}
    for rpc in rpc_methods().values():
        if rpc.public:
            service, method = rpc.name.rsplit(".", 1)[1].split("/")
            operation = described[f"{service}_{method}"]
            assert operation["summary"], rpc.name
            scopes = list(rpc.scopes)
            assert operation["security"] == [{"apiKey": scopes}, {"oauth2": scopes}], rpc.name
            assert "default" in operation["responses"], rpc.name


def test_operation_ids_are_unique() -> None:
    ids = [operation["operationId"] for _, _, operation in operations()]
    assert len(ids) == len(set(ids))


def test_every_parameter_of_a_path_is_declared() -> None:
    for path, _, operation in operations():
        declared = {p["name"] for p in operation["parameters"] if p["in"] == "path"}
        assert declared == {part[1:].split("}")[0] for part in path.split("/") if "{" in part}


def test_every_property_has_a_description() -> None:
    for name, component in DOCUMENT["components"]["schemas"].items():
        if name != "Problem" and component.get("type") == "object":
            for field, described in component["properties"].items():
                assert described.get("description"), f"{name}.{field}"


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        ({"requestId": "no uuid"}, "requestId"),
        ({"order": {"lines": []}}, "lines"),
        ({"order": {"currencyCode": "euro"}}, "currencyCode"),
        ({"waitMs": 9_000}, "waitMs"),
    ],
)
def test_bounds_of_the_contract_are_bounds_of_the_document(
    broken: dict[str, Any], message: str
) -> None:
    validator = jsonschema.Draft202012Validator(
        schema("order.v1.SubmitOrderRequest"),
        format_checker=jsonschema.Draft202012Validator.FORMAT_CHECKER,
    )
    paths = {error.absolute_path[-1] for error in validator.iter_errors(broken) if error.path}
    assert message in paths


def test_what_the_services_answer_fits_the_document() -> None:
    answer = order_service_pb2.ListOrdersResponse()
    order = answer.orders.add(id="018f0000-0000-7000-8000-000000000001")
    order.place_time.GetCurrentTime()
    values = json_format.MessageToDict(answer, always_print_fields_with_no_presence=True)
    jsonschema.validate(values, schema("order.v1.ListOrdersResponse"))
