"""Step 7: the request obeys the bounds of the contract, so handlers never repeat them."""

from __future__ import annotations

from typing import Any

import protovalidate
from google.protobuf.message import DecodeError, Message
from tandem_core.errors import DomainError, FieldViolation, ValidationFailed

from tandem_platform.interceptors.rpc_chain import Proceed, RpcCall

VIOLATIONS_TOLD_MAX = 50


class RequestUnreadable(DomainError):
    """The bytes are no message of the method's request type."""

    reason = "PAYLOAD_UNREADABLE"

    def __init__(self, message_type: str) -> None:
        super().__init__()
        self.message_type = message_type


async def validate_request(call: RpcCall, proceed: Proceed) -> Message:
    """Decodes and checks the request; streamed ones are checked one by one as they come.

    Raises RequestUnreadable or ValidationFailed.
    """
    if not call.method.client_streaming:
        call.request = decoded(call, call.raw_request)
    return await proceed(call)


def decoded(call: RpcCall, raw: bytes) -> Message:
    """A checked request message. Raises RequestUnreadable or ValidationFailed."""
    try:
        request = call.decode(raw)
    except DecodeError:
        raise RequestUnreadable(call.method.input_type) from None
    check(request)
    return request


def check(message: Message) -> None:
    """Raises ValidationFailed naming every broken field, in proto names (``lines[0].quantity``)."""
    found = protovalidate.collect_violations(message)
    if found:
        raise ValidationFailed([_violation(item.proto) for item in found[:VIOLATIONS_TOLD_MAX]])


def _violation(proto: Any) -> FieldViolation:
    return FieldViolation(
        field="".join(_path(proto.field)) if proto.field else "",
        description=proto.message,
        rule=proto.rule_id,
    )


def _path(path: Any) -> list[str]:
    parts: list[str] = []
    for element in path.elements:
        parts.append(f".{element.field_name}" if parts else element.field_name)
        if (subscript := element.subscript) is not None:
            shown = subscript.value
            parts.append(f'["{shown}"]' if isinstance(shown, str) else f"[{shown}]")
    return parts
