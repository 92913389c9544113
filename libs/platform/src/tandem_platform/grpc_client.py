"""Channels to peers: deadline, token, trace and retries on every call, typed errors back.

A `ServiceChannel` is handed to a generated stub as it is: ``OrderServiceStub(channel)``. The calls
are plain coroutines, without grpc's own interceptor machinery (one task and two wrappers a call).
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable, Generator, Sequence
from dataclasses import dataclass
from typing import Any

import grpc
from opentelemetry import context as otel_context
from opentelemetry import trace
from opentelemetry.trace import SpanKind

from tandem_platform import request_context, telemetry
from tandem_platform.interceptors.authn import BEARER
from tandem_platform.interceptors.telemetry import duration_histogram
from tandem_platform.internal_token import METADATA_KEY, TokenSigner, read_signer
from tandem_platform.method_table import rpc_methods
from tandem_platform.remote_error import RemoteError, from_rpc_error
from tandem_platform.request_context import Caller
from tandem_platform.settings import ServiceSettings
from tandem_platform.telemetry import Telemetry

KEEPALIVE_TIME_MS = 60_000
KEEPALIVE_TIMEOUT_MS = 10_000
RECONNECT_MS_MIN = 100
# A peer killed and started again is reached within this, plus its own start.
RECONNECT_MS_MAX = 500
RETRY_ATTEMPTS_MAX = 3

SERVICE_CONFIG = {
    "loadBalancingConfig": [{"round_robin": {}}],
    "methodConfig": [
        {
            "name": [{}],
            "retryPolicy": {
                "maxAttempts": RETRY_ATTEMPTS_MAX,
                "initialBackoff": "0.05s",
                "maxBackoff": "0.5s",
                "backoffMultiplier": 3,
                "retryableStatusCodes": ["UNAVAILABLE"],
            },
        }
    ],
    "retryThrottling": {"maxTokens": 10, "tokenRatio": 0.1},
}


class PeerUnknown(ConnectionError):
    """The settings name no address for this peer; to callers the peer is not available."""


@dataclass(frozen=True)
class Reply:
    """A response with the metadata the peer sent after it."""

    response: Any
    trailing: dict[str, str]


@dataclass(frozen=True)
class Outgoing:
    """How one channel calls: budget, identity and telemetry, the same for all its methods."""

    peer: str
    default_deadline_s: float
    margin_s: float
    signer: TokenSigner | None
    identity: Callable[[], Caller]
    telemetry: Telemetry

    def timeout_s(self, wanted: float | None) -> float:
        """Time for a call: what it wants, but no more than is left here, less the margin.

        Raises RemoteError (DEADLINE_EXCEEDED) when nothing is left.
        """
        allowed = wanted if wanted is not None else self.default_deadline_s
        if (deadline := request_context.current_deadline()) is not None:
            allowed = min(allowed, deadline.remaining_s() - self.margin_s)
        if allowed <= 0:
            raise RemoteError(
                grpc.StatusCode.DEADLINE_EXCEEDED, f"no time left to call {self.peer}"
            )
        return allowed

    def stream_timeout_s(self, wanted: float | None) -> float | None:
        """Time for a stream; None for no limit. Raises RemoteError when nothing is left."""
        if wanted is None and request_context.current_deadline() is None:
            return None
        return self.timeout_s(wanted)

    def metadata(self) -> list[tuple[str, str]]:
        """Token and trace context of a call."""
        headers: dict[str, str] = {}
        telemetry.inject(headers)
        if self.signer is not None:
            token = self.signer.token(self.identity(), self.peer)
            headers[METADATA_KEY] = f"{BEARER}{token}"
        return list(headers.items())


class ServiceChannel(grpc.aio.Channel):
    """A channel to one peer, named as in ``settings.peers``."""

    def __init__(
        self,
        settings: ServiceSettings,
        peer: str,
        *,
        identity: Callable[[], Caller] | None = None,
        signer: TokenSigner | None = None,
        telemetry_of_caller: Telemetry | None = None,
    ) -> None:
        """``identity`` names the caller of each call; by default this service for the tenant."""
        if peer not in settings.peers:
            raise PeerUnknown(f"no address for {peer} in TANDEM_PEERS")
        if signer is None and settings.signing_key_file is not None:
            signer = read_signer(settings.service_name, settings.signing_key_file)
        self._channel = grpc.aio.insecure_channel(
            settings.peers[peer], options=channel_options(settings)
        )
        own = telemetry_of_caller or telemetry.active()
        self._duration = duration_histogram(own.meter, "client")
        self._outgoing = Outgoing(
            peer=peer,
            default_deadline_s=settings.default_deadline_ms / 1000,
            margin_s=settings.deadline_margin_ms / 1000,
            signer=signer,
            identity=identity or (lambda: own_identity(settings)),
            telemetry=own,
        )

    def unary_unary(  # type: ignore[override]
        self,
        method: str,
        request_serializer: Callable[[Any], bytes] | None = None,
        response_deserializer: Callable[[bytes], Any] | None = None,
        _registered_method: bool | None = False,
    ) -> UnaryCall:
        """The callable of one rpc, as generated stubs ask for it."""
        inner = self._channel.unary_unary(method, request_serializer, response_deserializer)
        return UnaryCall(method.lstrip("/"), inner, self._outgoing, self._duration)

    async def reply(self, method: str, request: Any, response_type: Any) -> Reply:
        """Calls ``/pkg.Service/Method`` with any message; for callers without a stub."""
        call = self.unary_unary(
            method, lambda message: message.SerializeToString(), response_type.FromString
        )
        return await call.reply(request)

    async def close(self, grace: float | None = None) -> None:
        """Closes the channel."""
        await self._channel.close(grace)

    async def __aenter__(self) -> ServiceChannel:
        """Use as a context closes the channel."""
        return self

    async def __aexit__(self, *_: object) -> None:
        """Closes the channel."""
        await self.close()

    def get_state(self, try_to_connect: bool = False) -> grpc.ChannelConnectivity:
        """State of the connection."""
        return self._channel.get_state(try_to_connect)

    async def wait_for_state_change(self, last: grpc.ChannelConnectivity) -> None:
        """Waits until the state is another one."""
        await self._channel.wait_for_state_change(last)

    async def channel_ready(self) -> None:
        """Waits until the peer was reached."""
        await self._channel.channel_ready()

    def unary_stream(self, method: str, *args: Any, **kwargs: Any) -> Any:
        """The callable of a rpc that answers with a stream."""
        return self._stream(method, self._channel.unary_stream(method, *args, **kwargs))

    def stream_unary(self, method: str, *args: Any, **kwargs: Any) -> Any:
        """The callable of a rpc that is sent a stream."""
        return self._stream(method, self._channel.stream_unary(method, *args, **kwargs))

    def stream_stream(self, method: str, *args: Any, **kwargs: Any) -> Any:
        """The callable of a rpc with streams both ways."""
        return self._stream(method, self._channel.stream_stream(method, *args, **kwargs))

    def _stream(self, method: str, inner: Any) -> Any:
        if method not in rpc_methods():
            return inner  # reflection and health have no steps
        return StreamCall(inner, self._outgoing)


class StreamCall:
    """Calls a streaming rpc of a peer. It lasts as long as both sides want it to, unless the caller
    names a timeout or has a deadline itself."""

    def __init__(self, inner: Any, outgoing: Outgoing) -> None:
        self._inner = inner
        self._outgoing = outgoing

    def __call__(
        self,
        request: Any,
        *,
        timeout: float | None = None,
        metadata: Sequence[tuple[str, str]] = (),
        **_: Any,
    ) -> RemoteStream:
        """The stream; awaited when the peer answers with one message."""
        call = self._inner(
            request,
            timeout=self._outgoing.stream_timeout_s(timeout),
            metadata=[*self._outgoing.metadata(), *metadata],
        )
        return RemoteStream(call)


class RemoteStream:
    """What a peer streams, or its one answer. Raises RemoteError for every failure."""

    def __init__(self, call: Any) -> None:
        self._call = call

    async def __aiter__(self) -> AsyncIterator[Any]:
        """Message by message; leaving the loop early ends the call."""
        try:
            async for message in self._call:
                yield message
        except grpc.aio.AioRpcError as error:
            raise from_rpc_error(error) from None
        finally:
            self.cancel()

    def __await__(self) -> Generator[Any, Any, Any]:
        """The answer to a stream that was sent."""
        return self._answer().__await__()

    async def _answer(self) -> Any:
        try:
            return await self._call
        except grpc.aio.AioRpcError as error:
            raise from_rpc_error(error) from None
        finally:
            self.cancel()

    def cancel(self) -> None:
        """Ends the call if it is still open."""
        if not self._call.done():
            self._call.cancel()


class UnaryCall:
    """Calls one rpc of a peer. Raises RemoteError for every failure."""

    def __init__(self, method: str, inner: Any, outgoing: Outgoing, duration: Any) -> None:
        self._method = method
        self._inner = inner
        self._outgoing = outgoing
        self._duration = duration
        declared = rpc_methods().get(f"/{method}")
        self._deadline_s = (declared.default_deadline_ms / 1000 if declared else 0) or None

    async def __call__(
        self,
        request: Any,
        *,
        timeout: float | None = None,
        metadata: Sequence[tuple[str, str]] = (),
        **_: Any,
    ) -> Any:
        """The response."""
        return (await self.reply(request, timeout=timeout, metadata=metadata)).response

    async def reply(
        self,
        request: Any,
        *,
        timeout: float | None = None,
        metadata: Sequence[tuple[str, str]] = (),
    ) -> Reply:
        """The response and its trailing metadata."""
        attributes = {"rpc.system.name": "grpc", "rpc.method": self._method}
        span = self._outgoing.telemetry.tracer.start_span(
            self._method, kind=SpanKind.CLIENT, attributes=attributes
        )
        token = otel_context.attach(trace.set_span_in_context(span))
        started, code = time.perf_counter(), "CANCELLED"
        try:
            reply = await self._send(request, timeout or self._deadline_s, metadata)
            code = "OK"
            return reply
        except RemoteError as error:
            code = error.code.name
            telemetry.record_error(span, error.reason or code, error)
            raise
        finally:
            attributes["rpc.response.status_code"] = code
            self._duration.record(time.perf_counter() - started, attributes)
            span.set_attribute("rpc.response.status_code", code)
            otel_context.detach(token)
            span.end()

    async def _send(
        self, request: Any, timeout_s: float | None, metadata: Sequence[tuple[str, str]]
    ) -> Reply:
        call = self._inner(
            request,
            timeout=self._outgoing.timeout_s(timeout_s),
            metadata=[*self._outgoing.metadata(), *metadata],
        )
        try:
            response = await call
            trailing = await call.trailing_metadata()
        except grpc.aio.AioRpcError as error:
            raise from_rpc_error(error) from None
        finally:
            # grpc keeps the buffers of a call that nobody finished (grpc #43360).
            if not call.done():
                call.cancel()
        return Reply(response, {k: v for k, v in trailing or () if isinstance(v, str)})


def own_identity(settings: ServiceSettings) -> Caller:
    """This service, acting for the tenant and channel of the call it is working on."""
    behind = request_context.caller_or_none()
    return Caller(
        subject=settings.service_name,
        tenant=behind.tenant if behind else "",
        channel=behind.channel if behind else "",
        scopes=frozenset(settings.outgoing_scopes),
    )


def channel_options(settings: ServiceSettings) -> list[tuple[str, Any]]:
    """Channel arguments of a client."""
    return [
        ("grpc.service_config", json.dumps(SERVICE_CONFIG)),
        ("grpc.enable_retries", 1),
        ("grpc.initial_reconnect_backoff_ms", RECONNECT_MS_MIN),
        ("grpc.min_reconnect_backoff_ms", RECONNECT_MS_MIN),
        ("grpc.max_reconnect_backoff_ms", RECONNECT_MS_MAX),
        ("grpc.keepalive_time_ms", KEEPALIVE_TIME_MS),
        ("grpc.keepalive_timeout_ms", KEEPALIVE_TIMEOUT_MS),
        ("grpc.keepalive_permit_without_calls", 0),
        ("grpc.max_receive_message_length", settings.message_bytes_max),
        ("grpc.max_send_message_length", settings.message_bytes_max),
        # Channels with equal arguments share a connection otherwise, and with it its fate.
        ("grpc.use_local_subchannel_pool", 1),
    ]


class PeerChannels:
    """The channels of one process, one per peer, made when first asked for."""

    def __init__(
        self, settings: ServiceSettings, *, identity: Callable[[], Caller] | None = None
    ) -> None:
        self._settings = settings
        self._identity = identity
        self._channels: dict[str, ServiceChannel] = {}

    def __getitem__(self, peer: str) -> ServiceChannel:
        """The channel to a peer. Raises PeerUnknown."""
        if peer not in self._channels:
            self._channels[peer] = ServiceChannel(self._settings, peer, identity=self._identity)
        return self._channels[peer]

    def __contains__(self, peer: str) -> bool:
        """Whether the settings name the peer."""
        return peer in self._settings.peers

    async def close(self) -> None:
        """Closes all."""
        await asyncio.gather(*(channel.close() for channel in self._channels.values()))
