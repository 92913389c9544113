"""From path, query and body to the request message of an rpc; strict, naming what is wrong."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from itertools import islice
from typing import Any

from google.protobuf import json_format
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message
from tandem_core.errors import FieldViolation, ValidationFailed
from tandem_core.ids import deterministic_id

from tandem_gateway.entrypoints.rest.dynamic_messages import contract_pool, message_class
from tandem_gateway.entrypoints.rest.http_routes import HttpRoute
from tandem_gateway.entrypoints.rest.json_faults import faults

JSON_DEPTH_MAX = 64
QUERY_VALUES_MAX = 1_000
FAULTS_TOLD_MAX = 50
REQUEST_ID = "request_id"
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)


def build_request(
    route: HttpRoute,
    path_fields: Mapping[str, str],
    query: Sequence[tuple[str, str]],
    body: bytes,
) -> Message:
    """The request message. Raises ValidationFailed naming each field it cannot read."""
    message = message_class(route.rpc.input_type)()
    shape = contract_pool().FindMessageTypeByName(route.rpc.input_type)
    values = _body_values(route, body)
    for name, texts in _query_values(route, query).items():
        _put(values, shape, name, texts)
    for name, text in path_fields.items():
        _put(values, shape, name, [text])
    try:
        json_format.ParseDict(
            values,
            message,
            ignore_unknown_fields=False,
            descriptor_pool=contract_pool(),
            max_recursion_depth=JSON_DEPTH_MAX,
        )
    except json_format.ParseError:
        found = list(islice(faults(values, shape), FAULTS_TOLD_MAX))
        unnamed = FieldViolation("", "does not fit the request, or is nested too deep", "json")
        raise ValidationFailed(found or [unnamed]) from None
    return message


def name_write(message: Message, idempotency_key: str | None, owner: str) -> None:
    """Puts the ``Idempotency-Key`` into ``request_id``; keys that are no UUID become one.

    Raises ValidationFailed when neither is given, or both differ.
    """
    if REQUEST_ID not in message.DESCRIPTOR.fields_by_name:
        return
    given = getattr(message, REQUEST_ID)
    if idempotency_key is None:
        if not given:
            raise _refused(REQUEST_ID, "send Idempotency-Key or requestId", "required")
        return
    named = idempotency_key
    if not _UUID.fullmatch(named):
        named = deterministic_id("idempotency key", owner, idempotency_key)
    if given and given != named:
        raise _refused(REQUEST_ID, "differs from the Idempotency-Key", "idempotency_key")
    setattr(message, REQUEST_ID, named)


def _body_values(route: HttpRoute, body: bytes) -> dict[str, Any]:
    if not route.body:
        if body.strip():
            raise _refused("", "this path takes no body", "body")
        return {}
    parsed = _parse(body)
    if route.body != "*":
        return {route.body: parsed}
    if not isinstance(parsed, dict):
        raise _refused("", "the body must be a JSON object", "json")
    return parsed


def _parse(body: bytes) -> Any:
    if not body.strip():
        return {}
    try:
        return json.loads(body, object_pairs_hook=_object, parse_constant=_no_constant)
    except RecursionError:
        raise _refused("", f"nested deeper than {JSON_DEPTH_MAX} levels", "json.depth") from None
    except UnicodeDecodeError:
        raise _refused("", "the body is not UTF-8", "json") from None
    except json.JSONDecodeError as error:
        told = f"not JSON: {error.msg} at line {error.lineno} column {error.colno}"
        raise _refused("", told, "json") from None


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A name given twice is refused: which of the two was meant is anybody's guess."""
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise _refused(twice, "is given twice", "json.duplicate")
    return found


def _no_constant(name: str) -> Any:
    raise _refused("", f"{name} is not JSON", "json")


def _query_values(route: HttpRoute, query: Sequence[tuple[str, str]]) -> dict[str, list[str]]:
    if query and route.body == "*":
        raise _refused(query[0][0], "is not a parameter of this path", "query.unknown")
    if len(query) > QUERY_VALUES_MAX:
        raise _refused("", f"more than {QUERY_VALUES_MAX} parameters", "query.count")
    values: dict[str, list[str]] = {}
    for name, text in query:
        values.setdefault(name, []).append(text)
    return values


def _put(values: dict[str, Any], owner: Descriptor, path: str, texts: list[str]) -> None:
    """Sets a parameter, ``filter.state=OPEN``, among the values of the body."""
    *parents, last = path.split(".")
    for name in parents:
        field = _field(owner, name, path)
        if field.message_type is None or field.is_repeated:
            raise _refused(path, "is not a parameter of this path", "query.unknown")
        values, owner = values.setdefault(field.json_name, {}), field.message_type
    field = _field(owner, last, path)
    values.pop(field.name, None)
    if field.is_repeated:
        values[field.json_name] = [_scalar(field, text) for text in texts]
    elif len(texts) > 1:
        raise _refused(path, "is given twice", "query.duplicate")
    else:
        values[field.json_name] = _scalar(field, texts[0])


def _field(owner: Descriptor, name: str, path: str) -> FieldDescriptor:
    for field in owner.fields:
        if name in (field.name, field.json_name):
            return field
    raise _refused(path, "is not a parameter of this path", "query.unknown")


def _scalar(field: FieldDescriptor, text: str) -> Any:
    """Text as JSON has it; json_format reads numbers and enums from text, but not booleans."""
    if field.type == FieldDescriptor.TYPE_BOOL and text in ("true", "false"):
        return text == "true"
    return text


def _refused(field: str, description: str, rule: str) -> ValidationFailed:
    return ValidationFailed([FieldViolation(field, description, rule)])
