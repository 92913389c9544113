"""Step 1: a span and a duration for every call; failures of ours are shown as errors."""

from __future__ import annotations

import asyncio
import time

import grpc
from google.protobuf.message import Message
from opentelemetry import context as otel_context
from opentelemetry import trace
from opentelemetry.metrics import Histogram, Meter
from opentelemetry.trace import Span, SpanKind

from tandem_platform import telemetry
from tandem_platform.error_table import grpc_code
from tandem_platform.interceptors.rpc_chain import Proceed, RpcCall, RpcFailed
from tandem_platform.telemetry import Telemetry

# Server side of the RPC conventions: the other codes are the caller's doing.
SERVER_FAULTS = frozenset(
    {"UNKNOWN", "DEADLINE_EXCEEDED", "UNIMPLEMENTED", "INTERNAL", "UNAVAILABLE", "DATA_LOSS"}
)
_BUCKETS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)


def duration_histogram(meter: Meter, side: str) -> Histogram:
    """``rpc.server.call.duration`` or ``rpc.client.call.duration``."""
    return meter.create_histogram(
        f"rpc.{side}.call.duration",
        unit="s",
        description=f"Duration of calls seen by the {side}",
        explicit_bucket_boundaries_advisory=_BUCKETS_S,
    )


class TelemetryStep:
    """Continues the caller's trace. Without ``own`` the process's telemetry is used."""

    def __init__(self, own: Telemetry | None = None) -> None:
        self._telemetry = own or telemetry.active()
        self._duration = duration_histogram(self._telemetry.meter, "server")

    async def __call__(self, call: RpcCall, proceed: Proceed) -> Message:
        """Returns the response; the span ends with the code the caller will see."""
        parent = telemetry.extract(call.metadata)
        attributes = {"rpc.system.name": "grpc", "rpc.method": call.method.name}
        span = self._telemetry.tracer.start_span(
            call.method.name, parent, SpanKind.SERVER, attributes
        )
        token = otel_context.attach(trace.set_span_in_context(span, parent))
        started = time.perf_counter()
        code = "UNKNOWN"
        try:
            response = await proceed(call)
            code = "OK"
            return response
        except BaseException as error:
            code = _failed(span, call, error)
            raise
        finally:
            attributes["rpc.response.status_code"] = code
            self._duration.record(time.perf_counter() - started, attributes)
            span.set_attribute("rpc.response.status_code", code)
            otel_context.detach(token)
            span.end()


def _failed(span: Span, call: RpcCall, error: BaseException) -> str:
    error_type, cause = type(error).__qualname__, error
    if isinstance(error, RpcFailed):
        code = grpc_code(error.status.code).name
        error_type, cause = error.reason or code, error.cause
    elif isinstance(error, asyncio.CancelledError):
        code = error_type = _cancelled(call)
    else:
        code = _aborted(call)
    if code in SERVER_FAULTS:
        telemetry.record_error(span, error_type, cause)
    return code


def _cancelled(call: RpcCall) -> str:
    """grpc cancels the handler for both; only the time left tells a missed deadline apart."""
    remaining = call.context.time_remaining()
    return "DEADLINE_EXCEEDED" if remaining is not None and remaining <= 0 else "CANCELLED"


def _aborted(call: RpcCall) -> str:
    """A handler that called ``context.abort`` itself left its code in the context."""
    code = call.context.code()
    if isinstance(code, grpc.StatusCode):
        return code.name
    return grpc_code(int(code)).name if code else "UNKNOWN"
