"""Masks what the contracts mark as personal or secret before it reaches a log or a span."""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping
from functools import cache
from typing import Any

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.descriptor_pb2 import DescriptorProto
from google.protobuf.message import Message
from tandem.options.v1 import field_pb2

from tandem_platform.method_table import PACKAGE_PREFIX, contract_image

MASK = "***"
LIST_ITEMS_SHOWN_MAX = 20
# Names no contract has, but code and libraries use.
_ALWAYS_SECRET = frozenset(
    {"authorization", "password", "secret", "api_key", "token", "access_token", "cookie"}
)


@cache
def masked_names() -> frozenset[str]:
    """Names of all fields any contract marks as PII, and of credentials."""
    names = set(_ALWAYS_SECRET)
    for file in contract_image().file:
        if file.package.startswith(PACKAGE_PREFIX):
            for message in file.message_type:
                names.update(_marked(message))
    return frozenset(names)


def _marked(message: DescriptorProto) -> set[str]:
    names = {f.name for f in message.field if f.options.Extensions[field_pb2.pii]}
    for nested in message.nested_type:
        names |= _marked(nested)
    return names


def redacted(value: Any) -> Any:
    """The value fit for a log: marked fields of mappings and messages masked, at any depth."""
    # Nearly all values of a log line end here, before the slow checks against abstract classes.
    if isinstance(value, str | int | float):
        return value
    if isinstance(value, Message):
        return redact_message(value)
    if isinstance(value, Mapping):
        return {
            key: MASK if str(key).lower() in masked_names() else redacted(item)
            for key, item in value.items()
        }
    if isinstance(value, list | tuple):
        return [redacted(item) for item in value[:LIST_ITEMS_SHOWN_MAX]]
    return value


def redact_message(message: Message) -> dict[str, Any]:
    """The set fields of a message by name, those marked with a kind of PII masked."""
    return {field.name: _shown(field, value) for field, value in message.ListFields()}


def _shown(field: FieldDescriptor, value: Any) -> Any:
    if field.GetOptions().Extensions[field_pb2.pii]:
        return MASK
    if isinstance(value, Message):
        return redact_message(value)
    if isinstance(value, str | int | float | bool | bytes):
        return value if not isinstance(value, bytes) else f"{len(value)} bytes"
    if isinstance(value, Mapping):
        return {str(key): redacted(item) for key, item in value.items()}
    return [redacted(item) for item in list(value)[:LIST_ITEMS_SHOWN_MAX]]


def redact_event(_logger: object, _name: str, event: MutableMapping[str, Any]) -> Any:
    """A structlog processor that masks every field of a log line."""
    return {key: MASK if key in masked_names() else redacted(value) for key, value in event.items()}
