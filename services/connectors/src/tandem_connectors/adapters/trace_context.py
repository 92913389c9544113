"""The port `Traces` on the platform's telemetry."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from tandem_platform import telemetry


class TelemetryTraces:
    """Stored trace contexts are W3C headers."""

    def carrier(self) -> dict[str, str]:
        """The present trace context."""
        headers: dict[str, str] = {}
        telemetry.inject(headers)
        return headers

    def trace_id(self) -> str:
        """The present trace's id."""
        return telemetry.current_trace_id()

    @contextmanager
    def following(self, name: str, carrier: Mapping[str, str]) -> Iterator[None]:
        """Goes on with a stored trace; begins one when nothing was stored."""
        parent = telemetry.extract(carrier) if carrier else None
        with telemetry.span(name, parent=parent):
            yield
