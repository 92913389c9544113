"""A collector in the test's own process: takes OTLP over gRPC and answers questions on traces.

with OtlpSink() as sink:
    ...  # start services with OTEL_EXPORTER_OTLP_ENDPOINT=sink.endpoint
    trace = sink.wait_for_trace(trace_id, services={"gateway", "order-orchestrator"})
    assert trace.is_connected()
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import grpc
from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2, metrics_service_pb2_grpc
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2, trace_service_pb2_grpc
from opentelemetry.proto.common.v1 import common_pb2
from opentelemetry.proto.trace.v1 import trace_pb2

WAIT_S_DEFAULT = 15.0
SPANS_KEPT_MAX = 200_000
STOP_GRACE_S = 1.0


@dataclass(frozen=True)
class SinkSpan:
    """One exported span."""

    trace_id: str
    span_id: str
    parent_span_id: str
    name: str
    service: str
    kind: str
    attributes: dict[str, str]
    error: str
    """Description of an error status; empty when the span is no error."""
    events: tuple[str, ...]
    links: tuple[str, ...]
    """Span ids this span is linked to."""

    @property
    def is_error(self) -> bool:
        """True when the span's status is an error."""
        return self.error != ""


@dataclass(frozen=True)
class SinkTrace:
    """All spans of one trace that have arrived."""

    trace_id: str
    spans: tuple[SinkSpan, ...]

    @property
    def services(self) -> set[str]:
        """Names of the services that took part."""
        return {span.service for span in self.spans}

    @property
    def errors(self) -> list[SinkSpan]:
        """The spans with an error status."""
        return [span for span in self.spans if span.is_error]

    def roots(self) -> list[SinkSpan]:
        """Spans whose parent is not among the spans; the outermost caller may not export."""
        known = {span.span_id for span in self.spans}
        return [span for span in self.spans if span.parent_span_id not in known]

    def is_connected(self) -> bool:
        """True when every span leads to one and the same root."""
        return len(self.roots()) == 1

    def named(self, name: str) -> list[SinkSpan]:
        """The spans of this name."""
        return [span for span in self.spans if span.name == name]

    def as_tree(self) -> str:
        """The trace as indented text, for messages of failing tests."""
        known = {span.span_id for span in self.spans}
        lines: list[str] = []

        def add(parent: str, depth: int) -> None:
            for span in self.spans:
                is_root = depth == 0 and span.parent_span_id not in known
                if is_root or (depth > 0 and span.parent_span_id == parent):
                    mark = f" ERROR {span.error}" if span.is_error else ""
                    lines.append(f"{'  ' * depth}{span.service}: {span.name}{mark}")
                    add(span.span_id, depth + 1)

        add("", 0)
        return "\n".join(lines)


class OtlpSink:
    """A gRPC trace collector on a free port; use as a context manager."""

    def __init__(self) -> None:
        self._arrived = threading.Condition()
        self._spans: list[SinkSpan] = []
        self._server = grpc.server(ThreadPoolExecutor(max_workers=2))
        register: Any = trace_service_pb2_grpc.add_TraceServiceServicer_to_server
        register(_Collector(self._take), self._server)
        register_metrics: Any = metrics_service_pb2_grpc.add_MetricsServiceServicer_to_server
        register_metrics(_MetricsCollector(self._take_metrics), self._server)
        self._metric_names: set[tuple[str, str]] = set()
        self.port = self._server.add_insecure_port("127.0.0.1:0")

    @property
    def endpoint(self) -> str:
        """Value for OTEL_EXPORTER_OTLP_ENDPOINT."""
        return f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> OtlpSink:
        self._server.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.stop(STOP_GRACE_S).wait()

    def spans(self) -> list[SinkSpan]:
        """All spans so far, in order of arrival."""
        with self._arrived:
            return list(self._spans)

    def trace(self, trace_id: str) -> SinkTrace:
        """What has arrived of one trace."""
        return SinkTrace(trace_id, tuple(s for s in self.spans() if s.trace_id == trace_id))

    def wait_until(self, condition: Callable[[], bool], timeout_s: float = WAIT_S_DEFAULT) -> bool:
        """Waits for spans until the condition holds; False when it did not in time."""
        end = time.monotonic() + timeout_s
        while not condition():
            with self._arrived:
                if (left := end - time.monotonic()) <= 0:
                    return False
                self._arrived.wait(min(left, 0.2))
        return True

    def wait_for_trace(
        self,
        trace_id: str,
        *,
        services: Iterable[str] = (),
        names: Iterable[str] = (),
        timeout_s: float = WAIT_S_DEFAULT,
    ) -> SinkTrace:
        """The trace once all these services and span names are in it and it is connected.

        Raises AssertionError with the tree seen so far when that does not happen in time.
        """
        services, names = set(services), set(names)

        def complete() -> bool:
            seen = self.trace(trace_id)
            found = {span.name for span in seen.spans}
            return services <= seen.services and names <= found and seen.is_connected()

        if not self.wait_until(complete, timeout_s):
            seen = self.trace(trace_id)
            raise AssertionError(
                f"trace {trace_id} lacks {sorted(services - seen.services)} "
                f"{sorted(names - {s.name for s in seen.spans})}, "
                f"{len(seen.roots())} roots:\n{seen.as_tree()}"
            )
        return self.trace(trace_id)

    def metric_names(self, service: str) -> set[str]:
        """Names of the metrics a service has exported."""
        with self._arrived:
            return {name for owner, name in self._metric_names if owner == service}

    def _take_metrics(self, service: str, names: Iterable[str]) -> None:
        with self._arrived:
            self._metric_names.update((service, name) for name in names)
            self._arrived.notify_all()

    def _take(self, spans: Iterable[SinkSpan]) -> None:
        with self._arrived:
            self._spans.extend(spans)
            del self._spans[:-SPANS_KEPT_MAX]
            self._arrived.notify_all()


class _Collector(trace_service_pb2_grpc.TraceServiceServicer):
    """The OTLP service."""

    def __init__(self, take: Callable[[Iterable[SinkSpan]], None]) -> None:
        self._take = take

    def Export(  # noqa: N802 - named by OTLP
        self, request: trace_service_pb2.ExportTraceServiceRequest, _context: Any
    ) -> trace_service_pb2.ExportTraceServiceResponse:
        """Keeps the spans."""
        for resource_spans in request.resource_spans:
            service = _text_attributes(resource_spans.resource.attributes).get("service.name", "")
            for scope in resource_spans.scope_spans:
                self._take([_span(service, span) for span in scope.spans])
        return trace_service_pb2.ExportTraceServiceResponse()


class _MetricsCollector(metrics_service_pb2_grpc.MetricsServiceServicer):
    """The OTLP service for metrics; keeps their names."""

    def __init__(self, take: Callable[[str, Iterable[str]], None]) -> None:
        self._take = take

    def Export(  # noqa: N802 - named by OTLP
        self, request: metrics_service_pb2.ExportMetricsServiceRequest, _context: Any
    ) -> metrics_service_pb2.ExportMetricsServiceResponse:
        """Keeps the names."""
        for resource_metrics in request.resource_metrics:
            attributes = _text_attributes(resource_metrics.resource.attributes)
            for scope in resource_metrics.scope_metrics:
                names = [metric.name for metric in scope.metrics]
                self._take(attributes.get("service.name", ""), names)
        return metrics_service_pb2.ExportMetricsServiceResponse()


def _span(service: str, span: trace_pb2.Span) -> SinkSpan:
    failed = span.status.code == trace_pb2.Status.STATUS_CODE_ERROR
    return SinkSpan(
        trace_id=span.trace_id.hex(),
        span_id=span.span_id.hex(),
        parent_span_id=span.parent_span_id.hex(),
        name=span.name,
        service=service,
        kind=trace_pb2.Span.SpanKind.Name(span.kind).removeprefix("SPAN_KIND_"),
        attributes=_text_attributes(span.attributes),
        error=(span.status.message or "error") if failed else "",
        events=tuple(event.name for event in span.events),
        links=tuple(link.span_id.hex() for link in span.links),
    )


def _text_attributes(pairs: Iterable[common_pb2.KeyValue]) -> dict[str, str]:
    return {pair.key: _text(pair.value) for pair in pairs}


def _text(value: common_pb2.AnyValue) -> str:
    kind = value.WhichOneof("value")
    return "" if kind is None else str(getattr(value, kind))
