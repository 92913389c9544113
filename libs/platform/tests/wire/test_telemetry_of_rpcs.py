"""Traces of rpcs as a collector sees them: connected, and honest about failures."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest
from tandem.ops.v1 import operations_service_pb2 as pb
from tandem.ops.v1 import operations_service_pb2_grpc as wire
from tandem_core.errors import NotFound
from tandem_platform import telemetry
from tandem_platform.remote_error import RemoteError
from tandem_platform.telemetry import Telemetry
from tandem_testing.grpc_wire import serve_in_process
from tandem_testing.otlp_sink import OtlpSink, SinkTrace

from .operations_double import Operations, a_write

METHOD = "tandem.ops.v1.OperationsService/GetServiceStatus"
READ = pb.GetServiceStatusRequest()


@pytest.fixture
def sink() -> Iterator[OtlpSink]:
    with OtlpSink() as running:
        yield running


@pytest.fixture
def exported(sink: OtlpSink) -> Iterator[Telemetry]:
    own = telemetry.build("service-a", otlp_endpoint=sink.endpoint)
    yield own
    own.shutdown()


async def trace_of_failure(
    effect: object, sink: OtlpSink, exported: Telemetry, timeout_s: float = 5
) -> SinkTrace:
    servicer = Operations(effect)  # type: ignore[arg-type]
    with exported.tracer.start_as_current_span("test") as root:
        trace_id = f"{root.get_span_context().trace_id:032x}"
        async with serve_in_process([servicer], telemetry=exported) as channel:
            stub = wire.OperationsServiceStub(channel)
            with pytest.raises(RemoteError):
                await stub.GetServiceStatus(READ, timeout=timeout_s)
    return await asyncio.to_thread(finished, sink, trace_id)


def finished(sink: OtlpSink, trace_id: str) -> SinkTrace:
    assert sink.wait_until(lambda: len(sink.trace(trace_id).spans) >= 3)
    return sink.trace(trace_id)


async def test_client_and_server_spans_of_two_services_are_one_connected_trace(
    sink: OtlpSink, exported: Telemetry
) -> None:
    inner_telemetry = telemetry.build("service-b", otlp_endpoint=sink.endpoint)

    async def done() -> str:
        return "done"

    with exported.tracer.start_as_current_span("test") as root:
        trace_id = f"{root.get_span_context().trace_id:032x}"
        async with serve_in_process([Operations(done)], telemetry=inner_telemetry) as inner:
            stub = wire.OperationsServiceStub(inner)

            async def forward() -> object:
                return await stub.GetServiceStatus(READ)

            async with serve_in_process([Operations(forward)], telemetry=exported) as outer:
                await wire.OperationsServiceStub(outer).GetServiceStatus(READ)
    inner_telemetry.shutdown()
    trace = await asyncio.to_thread(
        sink.wait_for_trace, trace_id, services={"service-a", "service-b"}, names={"test"}
    )
    spans = trace.named(METHOD)
    assert sorted(span.kind for span in spans) == ["CLIENT", "CLIENT", "SERVER", "SERVER"]
    assert trace.errors == []
    assert {span.attributes["rpc.response.status_code"] for span in spans} == {"OK"}


async def test_an_exception_is_an_error_span_without_its_text(
    sink: OtlpSink, exported: Telemetry
) -> None:
    async def fail() -> None:
        raise ValueError("hunter2")

    trace = await trace_of_failure(fail, sink, exported)
    server = next(span for span in trace.named(METHOD) if span.kind == "SERVER")
    assert server.is_error
    assert server.attributes["error.type"] == "INTERNAL"
    assert server.attributes["rpc.response.status_code"] == "INTERNAL"
    assert server.events == ("exception",)
    assert "hunter2" not in str(trace)


async def test_a_missed_deadline_is_an_error_span(sink: OtlpSink, exported: Telemetry) -> None:
    async def hang() -> None:
        await asyncio.sleep(30)

    trace = await trace_of_failure(hang, sink, exported, timeout_s=0.3)
    for span in trace.named(METHOD):
        assert span.is_error, trace.as_tree()
        assert span.attributes["rpc.response.status_code"] == "DEADLINE_EXCEEDED"


async def test_an_answer_that_is_the_callers_doing_is_no_error_of_the_server(
    sink: OtlpSink, exported: Telemetry
) -> None:
    async def missing() -> None:
        raise NotFound("order", "o-1")

    trace = await trace_of_failure(missing, sink, exported)
    errors = {span.kind: span.is_error for span in trace.named(METHOD)}
    assert errors == {"CLIENT": True, "SERVER": False}


async def test_a_trace_id_is_passed_on_without_any_collector() -> None:
    seen: list[str] = []

    async def look() -> None:
        seen.append(telemetry.current_trace_id())

    async with serve_in_process([Operations(look)]) as channel:
        stub = wire.OperationsServiceStub(channel)
        with telemetry.span("outer"):
            await stub.DiscardDeadLetter(a_write())
            expected = telemetry.current_trace_id()
    assert seen == [expected]
    assert len(expected) == 32


def test_journal_headers_carry_the_trace_to_a_later_span(sink: OtlpSink) -> None:
    own = telemetry.setup("service-a", otlp_endpoint=sink.endpoint)
    try:
        headers: dict[str, str] = {}
        with telemetry.span("insert"):
            telemetry.inject(headers)
            trace_id = telemetry.current_trace_id()
        with telemetry.span("apply", parent=telemetry.extract(headers)):
            assert telemetry.current_trace_id() == trace_id
    finally:
        own.shutdown()
        telemetry.setup("test")
    trace = sink.wait_for_trace(trace_id, names={"insert", "apply"})
    insert, apply = trace.named("insert")[0], trace.named("apply")[0]
    assert apply.parent_span_id == insert.span_id
    assert apply.links == (insert.span_id,)
