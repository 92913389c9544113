"""Every step around an rpc, over a real socket."""

from __future__ import annotations

import asyncio

import grpc
import pytest
from tandem.ops.v1 import journal_service_pb2 as journal_pb
from tandem.ops.v1 import journal_service_pb2_grpc as journal_wire
from tandem.ops.v1 import operations_service_pb2 as pb
from tandem.ops.v1 import operations_service_pb2_grpc as wire
from tandem_platform import request_context
from tandem_platform.grpc_client import ServiceChannel
from tandem_platform.grpc_server import GrpcServer, PortTaken
from tandem_platform.internal_token import (
    LIFETIME_S,
    TokenSigner,
    TokenVerifier,
    generate_key_pair,
)
from tandem_platform.remote_error import RemoteError
from tandem_platform.settings import ServiceSettings
from tandem_testing.grpc_wire import SERVICE, caller, serve_in_process

from .operations_double import UUID, JournalDouble, Operations, a_write

READ = pb.GetServiceStatusRequest()
EXPIRED = "Credentials are missing or not valid: the token has expired"


async def answer() -> str:
    return "ok"


async def refused(call: object) -> RemoteError:
    with pytest.raises(RemoteError) as caught:
        await call  # type: ignore[misc]
    return caught.value


async def test_a_caller_without_the_scope_is_refused_and_told_which_is_missing() -> None:
    reader = caller(scopes={"ops:read"})
    async with serve_in_process([Operations(answer)], calling_as=reader) as channel:
        stub = wire.OperationsServiceStub(channel)
        assert (await stub.GetServiceStatus(READ)).service == "ok"
        error = await refused(stub.DiscardDeadLetter(a_write()))
    assert error.code is grpc.StatusCode.PERMISSION_DENIED
    assert (error.reason, error.metadata) == ("PERMISSION_DENIED", {"missing": "ops:write"})


async def test_a_call_without_a_token_is_refused() -> None:
    _, public = generate_key_pair()
    error = await call_with_verifier(TokenVerifier(SERVICE, {"test-client": public}), signer=None)
    assert error.reason == "UNAUTHENTICATED"


async def test_an_expired_token_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    private, public = generate_key_pair()
    signer = TokenSigner("test-client", private)
    import tandem_platform.internal_token as module

    real = module.time.time
    with monkeypatch.context() as patched:
        patched.setattr(module.time, "time", lambda: real() - LIFETIME_S - 10)
        old = signer._sign(caller(), SERVICE, int(module.time.time()))
    monkeypatch.setattr(signer, "token", lambda *_: old)
    error = await call_with_verifier(TokenVerifier(SERVICE, {"test-client": public}), signer)
    assert (error.reason, error.message) == ("UNAUTHENTICATED", EXPIRED)


async def test_a_token_for_another_service_is_refused() -> None:
    private, public = generate_key_pair()
    verifier = TokenVerifier("another-service", {"test-client": public})
    error = await call_with_verifier(verifier, TokenSigner("test-client", private))
    assert error.reason == "UNAUTHENTICATED"


async def test_a_token_of_an_unknown_issuer_is_refused() -> None:
    private, _ = generate_key_pair()
    _, other_public = generate_key_pair()
    for keys in ({}, {"test-client": other_public}):
        verifier = TokenVerifier(SERVICE, keys)
        error = await call_with_verifier(verifier, TokenSigner("test-client", private))
        assert error.reason == "UNAUTHENTICATED"


async def call_with_verifier(verifier: TokenVerifier, signer: TokenSigner | None) -> RemoteError:
    settings = ServiceSettings(service_name=SERVICE, drain_wait_ms=0)
    server = GrpcServer(settings, [Operations(answer)], verifier=verifier)
    await server.start()
    peers = {SERVICE: f"127.0.0.1:{server.port}"}
    client = ServiceSettings(service_name="test-client", peers=peers)
    async with ServiceChannel(client, SERVICE, signer=signer, identity=caller) as channel:
        error = await refused(wire.OperationsServiceStub(channel).GetServiceStatus(READ))
    await server.drain()
    return error


async def test_validation_names_every_broken_field() -> None:
    async with serve_in_process([Operations(answer)]) as channel:
        stub = wire.OperationsServiceStub(channel)
        error = await refused(stub.DiscardDeadLetter(a_write(request_id="no uuid", note="")))
    assert error.code is grpc.StatusCode.INVALID_ARGUMENT
    assert error.reason == "VALIDATION_FAILED"
    assert {v.field: v.reason for v in error.violations} == {
        "request_id": "string.uuid",
        "note": "string.min_len",
    }


async def test_bytes_that_are_no_request_are_refused_as_unreadable() -> None:
    async with serve_in_process([Operations(answer)]) as channel:
        call = channel.unary_unary(
            "/tandem.ops.v1.OperationsService/DiscardDeadLetter",
            lambda raw: raw,
            pb.DiscardDeadLetterResponse.FromString,
        )
        error = await refused(call(b"\xff\xff\xff"))
    assert error.reason == "PAYLOAD_UNREADABLE"


async def test_the_context_of_a_write_holds_caller_method_request_id_and_deadline() -> None:
    seen: list[object] = []

    async def look() -> None:
        deadline = request_context.current_deadline()
        assert deadline is not None
        seen.append(request_context.current_caller())
        seen.append(request_context.current_method())
        seen.append(request_context.current_request_id())
        seen.append(0 < deadline.remaining_s() < 5)

    shop = caller(channel="web")
    async with serve_in_process([Operations(look)], calling_as=shop) as channel:
        await wire.OperationsServiceStub(channel).DiscardDeadLetter(a_write())
    method = "tandem.ops.v1.OperationsService/DiscardDeadLetter"
    assert seen == [shop, method, UUID, True]


async def test_trailing_metadata_of_the_handler_reaches_the_caller() -> None:
    async def replayed() -> None:
        request_context.add_trailing_metadata("tandem-replayed", "true")

    async with serve_in_process([Operations(replayed)]) as channel:
        reply = await channel.reply(
            "/tandem.ops.v1.OperationsService/DiscardDeadLetter",
            a_write(),
            pb.DiscardDeadLetterResponse,
        )
    assert reply.trailing["tandem-replayed"] == "true"


class OnePlace:
    """A servicer whose only place is held until ``release``."""

    def __init__(self) -> None:
        self.entered, self.release = asyncio.Event(), asyncio.Event()
        self.settings = ServiceSettings(
            service_name=SERVICE,
            drain_wait_ms=0,
            in_flight_admin_max=1,
            admission_queue_calls_max=0,
        )

    async def hold(self) -> str:
        self.entered.set()
        await self.release.wait()
        return "done"


async def test_a_call_over_the_limit_is_refused_with_a_time_to_come_back() -> None:
    place = OnePlace()
    async with serve_in_process([Operations(place.hold)], settings=place.settings) as channel:
        stub = wire.OperationsServiceStub(channel)
        first = asyncio.ensure_future(stub.GetServiceStatus(READ))
        await place.entered.wait()
        error = await refused(stub.GetServiceStatus(READ))
        place.release.set()
        assert (await first).service == "done"
    assert error.code is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert (error.reason, error.metadata) == ("OVERLOADED", {"rate_class": "ADMIN"})
    assert error.retry_after_s is not None
    assert error.retry_after_s > 0


async def test_a_full_class_does_not_starve_another_one() -> None:
    place = OnePlace()
    servicers = [Operations(place.hold), JournalDouble()]
    async with serve_in_process(servicers, settings=place.settings) as channel:
        blocked = asyncio.ensure_future(wire.OperationsServiceStub(channel).GetServiceStatus(READ))
        await place.entered.wait()
        request = journal_pb.ListAggregateVersionsRequest(aggregate_types=["order"])
        await journal_wire.JournalServiceStub(channel).ListAggregateVersions(request)
        place.release.set()
        await blocked


async def test_drain_finishes_the_call_in_flight_and_refuses_the_next() -> None:
    entered, release = asyncio.Event(), asyncio.Event()

    async def slow() -> str:
        entered.set()
        await release.wait()
        return "finished"

    private, public = generate_key_pair()
    settings = ServiceSettings(service_name=SERVICE, drain_wait_ms=0, drain_grace_ms=5_000)
    verifier = TokenVerifier(SERVICE, {"test-client": public})
    server = GrpcServer(settings, [Operations(slow)], verifier=verifier)
    await server.start()
    client = ServiceSettings(
        service_name="test-client", peers={SERVICE: f"127.0.0.1:{server.port}"}
    )
    signer = TokenSigner("test-client", private)
    async with ServiceChannel(client, SERVICE, signer=signer, identity=caller) as channel:
        stub = wire.OperationsServiceStub(channel)
        call = asyncio.ensure_future(stub.GetServiceStatus(READ))
        await entered.wait()
        draining = asyncio.ensure_future(server.drain())
        await asyncio.sleep(0.1)
        error = await refused(stub.GetServiceStatus(READ, timeout=1))
        release.set()
        assert (await call).service == "finished"
        await draining
    assert error.code is grpc.StatusCode.UNAVAILABLE


async def test_two_services_cannot_share_a_port_by_mistake() -> None:
    _, public = generate_key_pair()
    verifier = TokenVerifier(SERVICE, {"test-client": public})
    first = GrpcServer(
        ServiceSettings(service_name=SERVICE, drain_wait_ms=0), [], verifier=verifier
    )
    await first.start()
    taken = ServiceSettings(service_name=SERVICE, drain_wait_ms=0, grpc_port=first.port)
    with pytest.raises(PortTaken):
        await GrpcServer(taken, [], verifier=verifier).start()
    await first.drain()
