"""The innermost part of an rpc: calls the servicer, message by message where it streams."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import grpc
from google.protobuf.empty_pb2 import Empty
from google.protobuf.message import Message

from tandem_platform.interceptors.rpc_chain import Proceed, RpcCall
from tandem_platform.interceptors.validation import decoded


def handle(handler: grpc.RpcMethodHandler[Any, Any]) -> Proceed:
    """How the servicer's method is called, by what of it streams."""
    if handler.response_streaming:
        return _stream_out(handler.stream_stream or handler.unary_stream)
    return _answer(handler.stream_unary or handler.unary_unary)


def _answer(servicer: Any) -> Proceed:
    async def proceed(call: RpcCall) -> Message:
        response: Message = await servicer(_incoming(call), call.context)
        return response

    return proceed


def _stream_out(servicer: Any) -> Proceed:
    async def proceed(call: RpcCall) -> Message:
        # `write` waits while the client does not read: a slow one holds up only its own stream.
        async for message in servicer(_incoming(call), call.context):
            await call.context.write(message.SerializeToString())
        return Empty()

    return proceed


def _incoming(call: RpcCall) -> Message | AsyncIterator[Message]:
    return call.request if call.raw_requests is None else _each(call, call.raw_requests)


async def _each(call: RpcCall, raw_requests: AsyncIterator[bytes]) -> AsyncIterator[Message]:
    async for raw in raw_requests:
        yield decoded(call, raw)
