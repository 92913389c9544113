"""The two doors for raw bytes, which no ``google.api.http`` rule describes."""

from __future__ import annotations

from typing import Any

from tandem_gateway.entrypoints.rest.openapi.message_schemas import MessageSchemas

_PROBLEM = {"$ref": "#/components/responses/Problem"}
_BYTES = {"required": True, "content": {"*/*": {"schema": {}}}}


def ingress_paths(schemas: MessageSchemas) -> dict[str, dict[str, Any]]:
    """Paths of webhooks and files."""
    return {
        "/webhooks/{connection}": {
            "post": {
                "operationId": "Ingress_ReceiveWebhook",
                "tags": ["connector"],
                "summary": "Takes a webhook of an outside system",
                "description": "Needs no API key: the sender's signature is checked.",
                "security": [],
                "parameters": [_path("connection", "Connection the webhook belongs to.")],
                "requestBody": _BYTES,
                "responses": {
                    "200": _answer(schemas, "tandem.connector.v1.ReceiveWebhookResponse"),
                    "default": _PROBLEM,
                },
            }
        },
        "/files/{connection}/{file_name}": {
            "put": {
                "operationId": "Ingress_ReceiveFile",
                "tags": ["connector"],
                "summary": "Takes a file of an outside system",
                "description": "The same content under the same name is taken once.",
                "security": [{"apiKey": ["connector:write"]}],
                "parameters": [
                    _path("connection", "Connection the file belongs to."),
                    _path("file_name", "Name of the file, without folders."),
                ],
                "requestBody": _BYTES,
                "responses": {
                    "200": _answer(schemas, "tandem.connector.v1.ReceiveFileResponse"),
                    "201": _answer(schemas, "tandem.connector.v1.ReceiveFileResponse"),
                    "default": _PROBLEM,
                },
            }
        },
    }


def _path(name: str, description: str) -> dict[str, Any]:
    return {
        "name": name,
        "in": "path",
        "required": True,
        "description": description,
        "schema": {"type": "string", "minLength": 1},
    }


def _answer(schemas: MessageSchemas, message: str) -> dict[str, Any]:
    return {
        "description": "Taken.",
        "content": {"application/json": {"schema": schemas.reference(message)}},
    }
