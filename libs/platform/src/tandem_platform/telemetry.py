"""Traces and meters of this process: W3C context through rpcs, journal headers and NATS.

Without an OTLP endpoint nothing is recorded, but trace ids are still made and passed on, so logs
and problem documents of all services name the same trace.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, MutableMapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Protocol

from opentelemetry import context as otel_context
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.metrics import Meter, NoOpMeter
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, ALWAYS_ON, ParentBased
from opentelemetry.trace import Link, Span, SpanKind, Status, StatusCode, Tracer
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

SCOPE = "tandem_platform"
EXPORT_TIMEOUT_S = 2
SPAN_EXPORT_INTERVAL_MS = 500
METRIC_EXPORT_INTERVAL_MS = 10_000
QUEUED_SPANS_MAX = 8_192
SHUTDOWN_TIMEOUT_MS = 3_000

_propagator = TraceContextTextMapPropagator()


class ClosesExport(Protocol):
    """What is flushed when the process ends."""

    def shutdown(self) -> None:
        """Exports what is left and stops."""
        ...


@dataclass(frozen=True)
class Telemetry:
    """Tracer and meter of one service; several may live in one process, as tests do."""

    service_name: str
    tracer: Tracer
    meter: Meter
    providers: tuple[ClosesExport, ...] = field(default=())

    def shutdown(self) -> None:
        """Flushes and stops the export; blocks for at most a few seconds."""
        for provider in self.providers:
            if isinstance(provider, TracerProvider):
                provider.force_flush(SHUTDOWN_TIMEOUT_MS)
            provider.shutdown()


def build(
    service_name: str,
    *,
    replica: str = "",
    otlp_endpoint: str = "",
    span_processor: SpanProcessor | None = None,
) -> Telemetry:
    """Telemetry of one service, without making it this process's own.

    ``span_processor`` replaces the OTLP export, for tests that look at spans in memory.
    """
    resource = Resource.create(
        {
            "service.name": service_name,
            "service.namespace": "tandem",
            "service.instance.id": replica or service_name,
        }
    )
    recording = bool(otlp_endpoint or span_processor)
    sampler = ParentBased(root=ALWAYS_ON) if recording else ALWAYS_OFF
    tracers = TracerProvider(resource=resource, sampler=sampler, shutdown_on_exit=False)
    if span_processor is not None:
        tracers.add_span_processor(span_processor)
    if not otlp_endpoint:
        meter: Meter = NoOpMeter(SCOPE)
        return Telemetry(service_name, tracers.get_tracer(SCOPE), meter, (tracers,))
    if span_processor is None:
        tracers.add_span_processor(_span_export(otlp_endpoint))
    meters = _meter_provider(resource, otlp_endpoint)
    return Telemetry(
        service_name, tracers.get_tracer(SCOPE), meters.get_meter(SCOPE), (tracers, meters)
    )


def _span_export(endpoint: str) -> SpanProcessor:
    exporter = OTLPSpanExporter(
        endpoint=endpoint, insecure=endpoint.startswith("http:"), timeout=EXPORT_TIMEOUT_S
    )
    return BatchSpanProcessor(
        exporter,
        max_queue_size=QUEUED_SPANS_MAX,
        schedule_delay_millis=SPAN_EXPORT_INTERVAL_MS,
    )


def _meter_provider(resource: Resource, endpoint: str) -> MeterProvider:
    exporter = OTLPMetricExporter(
        endpoint=endpoint, insecure=endpoint.startswith("http:"), timeout=EXPORT_TIMEOUT_S
    )
    reader = PeriodicExportingMetricReader(
        exporter, export_interval_millis=METRIC_EXPORT_INTERVAL_MS
    )
    return MeterProvider(resource=resource, metric_readers=[reader], shutdown_on_exit=False)


_active = Telemetry(
    "unnamed",
    TracerProvider(sampler=ALWAYS_OFF, shutdown_on_exit=False).get_tracer(SCOPE),
    NoOpMeter(SCOPE),
)


def setup(
    service_name: str,
    *,
    replica: str = "",
    otlp_endpoint: str = "",
    span_processor: SpanProcessor | None = None,
) -> Telemetry:
    """Builds the telemetry of this process and makes it the one `tracer` and `meter` use.

    Call it after the process was spawned: the export threads do not survive a fork.
    """
    global _active
    _active = build(
        service_name, replica=replica, otlp_endpoint=otlp_endpoint, span_processor=span_processor
    )
    return _active


def active() -> Telemetry:
    """This process's telemetry."""
    return _active


def tracer() -> Tracer:
    """This process's tracer."""
    return _active.tracer


def meter() -> Meter:
    """This process's meter."""
    return _active.meter


def inject(headers: MutableMapping[str, str]) -> None:
    """Writes the current trace context into headers (journal, NATS, HTTP)."""
    _propagator.inject(headers)


def extract(headers: Mapping[str, str]) -> Context:
    """The trace context in headers; an empty one when there is none or it is malformed."""
    return _propagator.extract(headers, context=Context())


@contextmanager
def continued(headers: Mapping[str, str]) -> Iterator[None]:
    """Runs the block on the trace the headers carry, without a span of its own.

    For batches: each item keeps the trace of who asked for it. Empty headers change nothing.
    """
    if not headers:
        yield
        return
    token = otel_context.attach(extract(headers))
    try:
        yield
    finally:
        otel_context.detach(token)


def current_trace_id() -> str:
    """The trace id as 32 hex digits; empty outside of any trace."""
    span_context = trace.get_current_span().get_span_context()
    return f"{span_context.trace_id:032x}" if span_context.is_valid else ""


def current_span_id() -> str:
    """The span id as 16 hex digits; empty outside of any trace."""
    span_context = trace.get_current_span().get_span_context()
    return f"{span_context.span_id:016x}" if span_context.is_valid else ""


@contextmanager
def span(
    name: str,
    *,
    kind: SpanKind = SpanKind.INTERNAL,
    parent: Context | None = None,
    linked: bool = True,
    attributes: Mapping[str, str | int | bool] | None = None,
) -> Iterator[Span]:
    """A span around the block; an exception marks it as an error and is raised on.

    ``parent`` continues the trace of headers (see `extract`) and, if ``linked``, also links to
    it, as the work of events does (PLATFORM D50).
    """
    known = parent if linked else None
    link_context = trace.get_current_span(known).get_span_context() if known else None
    links = [Link(link_context)] if link_context is not None and link_context.is_valid else []
    opened = _active.tracer.start_span(
        name, context=parent, kind=kind, attributes=dict(attributes or {}), links=links
    )
    token = otel_context.attach(trace.set_span_in_context(opened, parent))
    try:
        yield opened
    except BaseException as error:
        record_error(opened, type(error).__qualname__, error)
        raise
    finally:
        otel_context.detach(token)
        opened.end()


def record_error(target: Span, error_type: str, error: BaseException | None = None) -> None:
    """Marks a span as failed; ``error_type`` is a reason, a code or a class name."""
    if not target.is_recording():
        return
    target.set_attribute("error.type", error_type)
    if error is not None:
        # The type only: messages and stack traces may hold personal data of the request.
        target.add_event("exception", {"exception.type": type(error).__qualname__})
    target.set_status(Status(StatusCode.ERROR, error_type))
