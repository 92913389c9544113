"""Payloads of events by the name of their message: to JSON for people, and back when repaired."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from typing import Any, ClassVar

from google.protobuf import json_format, message_factory
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message import DecodeError, Message
from tandem_core.errors import DomainError, FieldViolation, ValidationFailed

from tandem_platform.method_table import contract_image
from tandem_platform.redaction import MASK, masked_names


@dataclass(eq=False)
class PayloadUnreadable(DomainError):
    """The bytes, or the repaired JSON, are no message of the type they claim to be."""

    reason: ClassVar[str] = "PAYLOAD_UNREADABLE"
    event_type: str


def to_json(event_type: str, payload: bytes) -> str:
    """The payload as JSON with personal fields masked; empty when it cannot be read."""
    try:
        return json.dumps(_masked(_to_dict(event_type, payload)), ensure_ascii=False)
    except PayloadUnreadable:
        return ""


def from_json(event_type: str, repaired: str, stored: bytes) -> bytes:
    """The payload of a repaired JSON text; what is still masked is taken from ``stored``.

    Raises PayloadUnreadable for an unknown type, ValidationFailed for JSON that is not of it.
    """
    message = _message(event_type)
    try:
        fields = json.loads(repaired)
        if MASK in repaired:
            fields = _unmasked(fields, _to_dict(event_type, stored))
        json_format.ParseDict(fields, message)
    except (ValueError, json_format.ParseError) as error:
        violation = FieldViolation("repaired_payload_json", str(error)[:200], "json")
        raise ValidationFailed([violation]) from error
    return message.SerializeToString(deterministic=True)


def _to_dict(event_type: str, payload: bytes) -> dict[str, Any]:
    message = _message(event_type)
    try:
        message.ParseFromString(payload)
    except DecodeError as error:
        raise PayloadUnreadable(event_type) from error
    return json_format.MessageToDict(message, preserving_proto_field_name=True)


def _message(event_type: str) -> Message:
    try:
        descriptor = _pool().FindMessageTypeByName(event_type)
    except KeyError as error:
        raise PayloadUnreadable(event_type) from error
    return message_factory.GetMessageClass(descriptor)()


@cache
def _pool() -> DescriptorPool:
    """All contracts, also those this service has not imported."""
    pool = DescriptorPool()
    for file in contract_image().file:
        pool.AddSerializedFile(file.SerializeToString())
    return pool


def _masked(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: MASK if k in masked_names() else _masked(item) for k, item in value.items()}
    if isinstance(value, list):
        return [_masked(item) for item in value]
    return value


def _unmasked(value: Any, original: Any) -> Any:
    """Puts the original back wherever the mask was left standing at the same place."""
    if value == MASK:
        return original
    if isinstance(value, dict) and isinstance(original, dict):
        return {key: _unmasked(item, original.get(key)) for key, item in value.items()}
    if isinstance(value, list) and isinstance(original, list) and len(value) == len(original):
        return [_unmasked(item, old) for item, old in zip(value, original, strict=True)]
    return value
