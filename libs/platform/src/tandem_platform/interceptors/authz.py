"""Step 6: the caller holds every scope the rpc declares; an rpc without scopes is closed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from google.protobuf.message import Message
from tandem_core.errors import DomainError

from tandem_platform import request_context
from tandem_platform.interceptors.rpc_chain import Proceed, RpcCall


@dataclass(eq=False)
class PermissionDenied(DomainError):
    """The caller lacks a scope, or may not act for this channel."""

    reason: ClassVar[str] = "PERMISSION_DENIED"
    missing: str


async def check_scopes(call: RpcCall, proceed: Proceed) -> Message:
    """Raises PermissionDenied naming the missing scopes."""
    required = call.method.scopes
    held = request_context.current_caller().scopes
    missing = [scope for scope in required if scope not in held]
    if missing or not required:
        raise PermissionDenied(",".join(missing) or "a scope this rpc does not declare")
    return await proceed(call)
