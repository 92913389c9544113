"""The metrics of Tandem by name (PLATFORM D53): one place for name, unit and labels.

Labels never hold a SKU, an order or another id: those belong into logs and traces.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

from opentelemetry.metrics import Counter, Histogram, Meter
from opentelemetry.metrics import _Gauge as Gauge

from tandem_platform import telemetry


class Kind(Enum):
    """How values of a metric add up."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


@dataclass(frozen=True)
class Metric:
    """One metric; recording a label not declared here raises ValueError."""

    name: str
    kind: Kind
    unit: str
    description: str
    labels: frozenset[str] = frozenset()


def _metric(name: str, kind: Kind, unit: str, description: str, *labels: str) -> Metric:
    return Metric(f"tandem_{name}", kind, unit, description, frozenset(labels))


_C, _G, _H = Kind.COUNTER, Kind.GAUGE, Kind.HISTOGRAM

CATALOGUE = {
    metric.name: metric
    for metric in (
        _metric("rpc_refused_total", _C, "1", "Calls refused by admission", "rate_class"),
        _metric("loop_failures_total", _C, "1", "Background loops that raised", "loop"),
        _metric("gateway_requests_total", _C, "1", "HTTP answers", "route", "status"),
        _metric("gateway_rate_limited_total", _C, "1", "Requests over a key's rate", "rate_class"),
        _metric("outbox_pending", _G, "1", "Journal rows not yet published"),
        _metric("outbox_oldest_seconds", _G, "s", "Age of the oldest unpublished row"),
        _metric("outbox_published_total", _C, "1", "Events published"),
        _metric("inbox_applied_total", _C, "1", "Events applied", "consumer"),
        _metric("inbox_gaps_total", _C, "1", "Missing versions seen", "consumer"),
        _metric("inbox_duplicates_total", _C, "1", "Events seen before", "consumer"),
        _metric("inbox_repaired_total", _C, "1", "Events read from a journal", "consumer"),
        _metric("dead_letters_open", _G, "1", "Dead letters that wait", "consumer"),
        _metric("saga_active", _G, "1", "Running sagas", "kind", "state"),
        _metric("saga_command_failures_total", _C, "1", "Commands that failed", "command"),
        _metric("saga_commands_stuck", _G, "1", "Commands that failed many times"),
        _metric("waiting_reports", _G, "1", "Reports that wait for what they rest on"),
        _metric("saga_overdue", _G, "1", "Sagas past their timer", "kind"),
        _metric("group_commit_batch_size", _H, "1", "Commands in one commit", "queue"),
        _metric("oversell_total", _C, "1", "Units promised twice; must stay 0", "channel"),
        _metric(
            "inventory_freshness_seconds",
            _H,
            "s",
            "Occurred to applied",
            "channel",
            "location_class",
        ),
        _metric("order_propagation_seconds", _H, "s", "From step to step", "from", "to"),
        _metric("posting_completeness_ratio", _G, "1", "Posted of due", "ledger", "period"),
        _metric("settlement_unmatched_total", _C, "1", "Statement lines without a match"),
        _metric("connector_calls_total", _C, "1", "Calls out", "connector", "outcome"),
        _metric("reconciliation_breaks_open", _G, "1", "Open exceptions", "type"),
    )
}

_Instrument = Counter | Gauge | Histogram
_instruments: dict[tuple[int, str], _Instrument] = {}


def add(name: str, amount: int = 1, **labels: str) -> None:
    """Adds to a counter."""
    instrument = _instrument(name, labels)
    if not isinstance(instrument, Counter):
        raise ValueError(f"{name} is not a counter")
    instrument.add(amount, labels)


def record(name: str, value: float, **labels: str) -> None:
    """Records a value of a histogram or sets a gauge."""
    instrument = _instrument(name, labels)
    if isinstance(instrument, Histogram):
        instrument.record(value, labels)
    elif isinstance(instrument, Gauge):
        instrument.set(value, labels)
    else:
        raise ValueError(f"{name} is a counter")


def _instrument(name: str, labels: Mapping[str, str]) -> _Instrument:
    metric = CATALOGUE[name]
    if unknown := labels.keys() - metric.labels:
        raise ValueError(f"{name} has no label {sorted(unknown)}")
    meter = telemetry.meter()
    key = (id(meter), name)
    if key not in _instruments:
        _instruments[key] = _create(meter, metric)
    return _instruments[key]


def _create(meter: Meter, metric: Metric) -> _Instrument:
    if metric.kind is Kind.COUNTER:
        return meter.create_counter(metric.name, metric.unit, metric.description)
    if metric.kind is Kind.GAUGE:
        return meter.create_gauge(metric.name, metric.unit, metric.description)
    return meter.create_histogram(metric.name, metric.unit, metric.description)
