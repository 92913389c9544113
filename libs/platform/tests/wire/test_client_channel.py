"""Calls out: time left, identity, and a peer that was killed and came back."""

from __future__ import annotations

import asyncio
import time

import grpc
import pytest
from tandem.ops.v1 import operations_service_pb2 as pb
from tandem.ops.v1 import operations_service_pb2_grpc as wire
from tandem_platform import request_context
from tandem_platform.grpc_client import (
    PeerChannels,
    PeerUnknown,
    ServiceChannel,
    channel_options,
)
from tandem_platform.grpc_server import GrpcServer
from tandem_platform.internal_token import TokenSigner, TokenVerifier, generate_key_pair
from tandem_platform.remote_error import RemoteError
from tandem_platform.request_context import Caller, Deadline, acting_as
from tandem_platform.settings import ServiceSettings
from tandem_testing.grpc_wire import SERVICE, TENANT, caller, serve_in_process

from .operations_double import Operations

READ = pb.GetServiceStatusRequest()
DOWN_S = 3.0
RECONNECT_S_MAX = 2.0


async def test_a_call_gets_no_more_time_than_the_caller_has_left() -> None:
    left: list[float] = []

    async def look() -> None:
        deadline = request_context.current_deadline()
        assert deadline is not None
        left.append(deadline.remaining_s())

    async with serve_in_process([Operations(look)]) as channel:
        stub = wire.OperationsServiceStub(channel)
        with acting_as(caller(), deadline=Deadline.after(0.5)):
            await stub.GetServiceStatus(READ, timeout=10)
    assert 0 < left[0] < 0.48


async def test_a_call_with_no_time_left_is_not_sent() -> None:
    called: list[bool] = []

    async def note() -> None:
        called.append(True)

    async with serve_in_process([Operations(note)]) as channel:
        stub = wire.OperationsServiceStub(channel)
        with acting_as(caller(), deadline=Deadline.after(0.01)), pytest.raises(RemoteError) as e:
            await stub.GetServiceStatus(READ)
    assert e.value.code is grpc.StatusCode.DEADLINE_EXCEEDED
    assert called == []


async def test_a_service_calls_in_its_own_name_for_the_tenant_it_works_for() -> None:
    seen: list[Caller] = []

    async def look() -> None:
        seen.append(request_context.current_caller())

    private, public = generate_key_pair()
    server = GrpcServer(
        ServiceSettings(service_name=SERVICE, drain_wait_ms=0),
        [Operations(look)],
        verifier=TokenVerifier(SERVICE, {"orders": public}),
    )
    await server.start()
    settings = ServiceSettings(
        service_name="orders",
        peers={SERVICE: f"127.0.0.1:{server.port}"},
        outgoing_scopes=("ops:read",),
    )
    async with ServiceChannel(settings, SERVICE, signer=TokenSigner("orders", private)) as channel:
        with acting_as(caller(channel="web", scopes={"order:write"})):
            await wire.OperationsServiceStub(channel).GetServiceStatus(READ)
    await server.drain()
    assert seen == [Caller("orders", TENANT, "web", frozenset({"ops:read"}))]


async def test_a_peer_killed_and_started_again_is_reached_again_soon() -> None:
    async def answer() -> str:
        return "ok"

    private, public = generate_key_pair()
    verifier = TokenVerifier(SERVICE, {"test-client": public})

    async def start(port: int) -> GrpcServer:
        settings = ServiceSettings(
            service_name=SERVICE, drain_wait_ms=0, drain_grace_ms=0, grpc_port=port
        )
        server = GrpcServer(settings, [Operations(answer)], verifier=verifier)
        await server.start()
        return server

    server = await start(0)
    port = server.port
    client = ServiceSettings(service_name="test-client", peers={SERVICE: f"127.0.0.1:{port}"})
    signer = TokenSigner("test-client", private)
    async with ServiceChannel(client, SERVICE, signer=signer, identity=caller) as channel:
        stub = wire.OperationsServiceStub(channel)
        await stub.GetServiceStatus(READ)
        await server.stop()
        # Long enough down for the back-off to grow to its limit.
        down_until = time.monotonic() + DOWN_S
        while time.monotonic() < down_until:
            with pytest.raises(RemoteError) as caught:
                await stub.GetServiceStatus(READ, timeout=0.5)
            assert caught.value.retryable
            await asyncio.sleep(0.05)
        server = await start(port)
        started = time.monotonic()
        while not await reached(stub):
            assert time.monotonic() - started < RECONNECT_S_MAX
            await asyncio.sleep(0.02)
        await server.stop()


async def reached(stub: wire.OperationsServiceStub) -> bool:
    try:
        await stub.GetServiceStatus(READ, timeout=0.5)
    except RemoteError:
        return False
    return True


async def test_a_peer_without_an_address_is_named() -> None:
    peers = PeerChannels(ServiceSettings(service_name="orders"))
    with pytest.raises(PeerUnknown, match="finance-posting"):
        peers["finance-posting"]


def test_the_pause_between_attempts_to_reconnect_stays_under_a_second() -> None:
    """grpc's own limit is two minutes, which only shows after a long outage."""
    options = dict(channel_options(ServiceSettings(service_name="orders")))
    assert options["grpc.max_reconnect_backoff_ms"] <= 1_000
