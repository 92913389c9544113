"""The OpenAPI 3.1 document of all routes, built from descriptors, comments and bounds."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from google.protobuf.descriptor_pb2 import FieldDescriptorProto
from tandem.options.v1 import rpc_pb2

from tandem_gateway.entrypoints.rest.http_routes import HttpRoute
from tandem_gateway.entrypoints.rest.openapi.contract_index import ContractIndex, read_contracts
from tandem_gateway.entrypoints.rest.openapi.field_bounds import JsonSchema, rules_of
from tandem_gateway.entrypoints.rest.openapi.ingress_paths import ingress_paths
from tandem_gateway.entrypoints.rest.openapi.message_schemas import (
    MessageSchemas,
    problem_schema,
)

SECURITY = "apiKey"
OAUTH = "oauth2"
QUERY_DEPTH_MAX = 3


def openapi_document(routes: Sequence[HttpRoute], version: str) -> dict[str, Any]:
    """The document; ``version`` is that of the product."""
    index = read_contracts()
    schemas = MessageSchemas(index)
    paths: dict[str, dict[str, Any]] = {}
    for route in sorted(routes, key=lambda r: (r.template.text, r.verb)):
        item = paths.setdefault(route.template.openapi_path, {})
        item[route.verb.lower()] = _Operation(route, schemas, index).as_json()
    paths |= ingress_paths(schemas)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Tandem",
            "version": version,
            "description": "Stock, orders, journals and their agreement, over one REST door.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "security": [{SECURITY: []}],
        "tags": [{"name": area} for area in sorted({r.rpc.area for r in routes})],
        "paths": paths,
        "components": {
            "schemas": schemas.components | {"Problem": problem_schema()},
            "responses": {"Problem": problem_response()},
            "securitySchemes": {
                SECURITY: {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "An API key, `tdm_<environment>_<id>_<secret>`.",
                },
                OAUTH: _oauth(routes),
            },
        },
    }


def problem_response() -> JsonSchema:
    """The answer for every failure."""
    reference = {"$ref": "#/components/schemas/Problem"}
    return {
        "description": "The request failed; `reason` says why.",
        "content": {"application/problem+json": {"schema": reference}},
    }


class _Operation:
    """Writes one operation."""

    def __init__(self, route: HttpRoute, schemas: MessageSchemas, index: ContractIndex) -> None:
        self._route = route
        self._schemas = schemas
        self._input = route.rpc.input_type
        self._comment = index.comment(route.rpc.name)

    def as_json(self) -> dict[str, Any]:
        """The operation object."""
        rpc = self._route.rpc
        package_and_service, method = rpc.name.split("/")
        operation: dict[str, Any] = {
            "operationId": f"{package_and_service.rsplit('.', 1)[1]}_{method}",
            "tags": [rpc.area],
            "summary": re.split(r"\.\s|\n", self._comment, maxsplit=1)[0].rstrip("."),
            "description": self._comment,
            "parameters": self._parameters(),
            "responses": {
                "200": {
                    "description": "Done.",
                    "content": {
                        "application/json": {"schema": self._schemas.reference(rpc.output_type)}
                    },
                },
                "default": {"$ref": "#/components/responses/Problem"},
            },
            "security": [{SECURITY: list(rpc.scopes)}, {OAUTH: list(rpc.scopes)}],
        }
        if self._route.body:
            operation["requestBody"] = self._body()
        if rpc.options.Extensions[rpc_pb2.rpc].HasField("deprecation"):
            operation["deprecated"] = True
        return operation

    def _body(self) -> dict[str, Any]:
        bound = frozenset(self._route.template.fields)
        if self._route.body == "*":
            whole = self._schemas.reference(self._input)
            schema = self._schemas.without(self._input, bound) if bound else whole
        else:
            schema = self._schemas.field(self._input, self._field(self._route.body))
        return {"required": True, "content": {"application/json": {"schema": schema}}}

    def _parameters(self) -> list[dict[str, Any]]:
        found = [
            {
                "name": name,
                "in": "path",
                "required": True,
                "schema": self._schemas.field(self._input, self._field(name)),
            }
            for name in self._route.template.fields
        ]
        if not self._route.body:
            found += self._query(self._input, "", 1)
        if self._route.rpc.mutates:
            found.append(_idempotency_key())
        return found

    def _query(self, owner: str, prefix: str, depth: int) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        for field in self._schemas.fields(owner):
            name = f"{prefix}{field.json_name}"
            if not prefix and field.name in self._route.template.fields:
                continue
            schema = self._schemas.field(owner, field)
            if self._is_flat(field, schema):
                required = rules_of(field).required or _needs_items(schema)
                found.append({"name": name, "in": "query", "required": required, "schema": schema})
            elif depth < QUERY_DEPTH_MAX and field.label != FieldDescriptorProto.LABEL_REPEATED:
                inner = field.type_name.removeprefix(".")
                found += self._query(inner, f"{name}.", depth + 1)
        return found

    def _is_flat(self, field: FieldDescriptorProto, schema: JsonSchema) -> bool:
        """Whether a field can be a query parameter: scalars, enums, times, and lists of them."""
        if field.type != FieldDescriptorProto.TYPE_MESSAGE:
            return True
        return "$ref" not in schema and schema.get("type") == "string"

    def _field(self, name: str) -> FieldDescriptorProto:
        fields = self._schemas.fields(self._input)
        return next(field for field in fields if field.name == name)


def _oauth(routes: Sequence[HttpRoute]) -> dict[str, Any]:
    scopes = sorted({scope for route in routes for scope in route.rpc.scopes})
    told = {scope: "{} of area {}".format(*scope.split(":")[::-1]) for scope in scopes}
    flow = {"tokenUrl": "/oauth/token", "scopes": told}
    return {"type": "oauth2", "flows": {"clientCredentials": flow}}


def _needs_items(schema: JsonSchema) -> bool:
    return int(schema.get("minItems", 0)) > 0


def _idempotency_key() -> dict[str, Any]:
    return {
        "name": "Idempotency-Key",
        "in": "header",
        "required": False,
        "description": "Names this request for repeats; may stand in for `requestId`.",
        "schema": {"type": "string", "minLength": 1, "maxLength": 200},
    }
