"""What balancers and operators see of a server."""

from __future__ import annotations

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc
from tandem_platform.grpc_server import GrpcServer
from tandem_platform.settings import ServiceSettings

from .operations_double import Operations

OPERATIONS = "tandem.ops.v1.OperationsService"
SERVING = health_pb2.HealthCheckResponse.SERVING
NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING


async def nothing() -> None:
    return None


def server(**changed: object) -> GrpcServer:
    settings = ServiceSettings(service_name="x", drain_wait_ms=0, drain_grace_ms=0, **changed)
    return GrpcServer(settings, [Operations(nothing)])


async def test_health_names_process_services_and_dependencies_without_a_token() -> None:
    running = server()
    await running.start()
    await running.health.set_dependency("postgres", True)
    await running.health.set_dependency("nats", False, "not connected")
    async with grpc.aio.insecure_channel(f"127.0.0.1:{running.port}") as channel:
        stub = health_pb2_grpc.HealthStub(channel)

        async def status(name: str) -> int:
            return (await stub.Check(health_pb2.HealthCheckRequest(service=name))).status

        names = ("", OPERATIONS, "deps.postgres", "deps.nats")
        assert [await status(name) for name in names] == [SERVING, SERVING, SERVING, NOT_SERVING]
        await running.health.stop()
        assert [await status(name) for name in names[:2]] == [NOT_SERVING, NOT_SERVING]
    assert running.health.dependencies["nats"].detail == "not connected"
    await running.stop()


async def test_reflection_lists_the_services_when_switched_on() -> None:
    answers = await reflected(reflection=True)
    names = {s.name for answer in answers for s in answer.list_services_response.service}
    assert OPERATIONS in names


async def test_reflection_is_off_unless_switched_on() -> None:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await reflected()
    assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED


async def reflected(**changed: object) -> list[reflection_pb2.ServerReflectionResponse]:
    running = server(**changed)
    await running.start()
    try:
        async with grpc.aio.insecure_channel(f"127.0.0.1:{running.port}") as channel:
            stub = reflection_pb2_grpc.ServerReflectionStub(channel)
            asked = iter([reflection_pb2.ServerReflectionRequest(list_services="")])
            return [answer async for answer in stub.ServerReflectionInfo(asked)]
    finally:
        await running.stop()
