"""Runs the steps around a handler, outermost first, in one grpc interceptor.

Of a streaming rpc the steps enclose the whole stream: its span ends, and its place becomes free,
when the stream does. One composed coroutine per method instead of one grpc interceptor per step:
grpc would build and await a wrapper handler for each on every call.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import grpc
from google.protobuf.empty_pb2 import Empty
from google.protobuf.message import Message
from google.rpc import status_pb2
from grpc_status import rpc_status

from tandem_platform import request_context
from tandem_platform.method_table import PACKAGE_PREFIX, RpcMethod, rpc_methods


@dataclass
class RpcCall:
    """One call on its way in. The validation step decodes ``raw_request`` into ``request``."""

    method: RpcMethod
    context: grpc.aio.ServicerContext[Any, Any]
    metadata: dict[str, str]
    raw_request: bytes
    decode: Callable[[bytes], Message]
    trailing: dict[str, str]
    request: Message = field(default_factory=Empty)
    raw_requests: AsyncIterator[bytes] | None = None
    """What a client streams; each message is checked when the handler asks for it."""


Proceed = Callable[[RpcCall], Awaitable[Message]]


class Step(Protocol):
    """One interceptor: does its part and calls ``proceed``, or raises."""

    async def __call__(self, call: RpcCall, proceed: Proceed) -> Message:
        """Returns the response."""
        ...


class RpcFailed(Exception):
    """The status that answers the call, with the exception behind it; outermost steps only."""

    def __init__(self, status: status_pb2.Status, cause: BaseException, reason: str) -> None:
        super().__init__(reason)
        self.status = status
        self.cause = cause
        self.reason = reason


class RpcChain(grpc.aio.ServerInterceptor):
    """Wraps every Tandem rpc; health and reflection pass untouched."""

    def __init__(
        self,
        steps: Sequence[Step],
        handle: Callable[[grpc.RpcMethodHandler[Any, Any]], Proceed],
    ) -> None:
        self._steps = tuple(steps)
        self._handle = handle
        self._wrapped: dict[str, grpc.RpcMethodHandler[Any, Any]] = {}

    async def intercept_service(
        self,
        continuation: Callable[
            [grpc.HandlerCallDetails], Awaitable[grpc.RpcMethodHandler[Any, Any] | None]
        ],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> Any:
        """The handler with the steps around it, built once per method."""
        path = str(handler_call_details.method)
        if (known := self._wrapped.get(path)) is not None:
            return known
        handler = await continuation(handler_call_details)
        if handler is None or not path.startswith(f"/{PACKAGE_PREFIX}"):
            return handler
        wrapped = self._wrap(rpc_methods()[path], handler)
        self._wrapped[path] = wrapped
        return wrapped

    def _wrap(
        self, method: RpcMethod, handler: grpc.RpcMethodHandler[Any, Any]
    ) -> grpc.RpcMethodHandler[Any, Any]:
        run = _compose(self._steps, self._handle(handler))
        decode: Any = handler.request_deserializer

        async def serve(raw: Any, context: grpc.aio.ServicerContext[Any, Any]) -> bytes | None:
            trailing = request_context.begin_rpc(method.name)
            call = RpcCall(method, context, _text_metadata(context), b"", decode, trailing)
            if method.client_streaming:
                call.raw_requests = raw
            else:
                call.raw_request = raw
            try:
                response = await run(call)
            except RpcFailed as failed:
                _send_trailing(call)
                await context.abort_with_status(rpc_status.to_status(failed.status))
                raise
            _send_trailing(call)
            # A stream has sent its messages; what the steps return of it is empty.
            return None if method.server_streaming else response.SerializeToString()

        return _HANDLERS[method.client_streaming, method.server_streaming](serve)


def _text_metadata(context: grpc.aio.ServicerContext[Any, Any]) -> dict[str, str]:
    pairs = context.invocation_metadata() or ()
    return {key: value for key, value in pairs if isinstance(value, str)}


def _send_trailing(call: RpcCall) -> None:
    if call.trailing:
        call.context.set_trailing_metadata(tuple(call.trailing.items()))


_HANDLERS: dict[tuple[bool, bool], Callable[..., grpc.RpcMethodHandler[Any, Any]]] = {
    (False, False): grpc.unary_unary_rpc_method_handler,
    (False, True): grpc.unary_stream_rpc_method_handler,
    (True, False): grpc.stream_unary_rpc_method_handler,
    (True, True): grpc.stream_stream_rpc_method_handler,
}


def _compose(steps: Sequence[Step], handler: Proceed) -> Proceed:
    run = handler
    for step in reversed(steps):
        run = _bind(step, run)
    return run


def _bind(step: Step, proceed: Proceed) -> Proceed:
    async def run(call: RpcCall) -> Message:
        return await step(call, proceed)

    return run
