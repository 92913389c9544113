"""Metrics by the names of the catalogue, and no others."""

from __future__ import annotations

import pytest
from tandem_platform import metrics, telemetry
from tandem_testing.otlp_sink import OtlpSink


def test_recorded_metrics_reach_the_collector_under_their_names() -> None:
    with OtlpSink() as sink:
        own = telemetry.setup("service-a", otlp_endpoint=sink.endpoint)
        try:
            metrics.add("tandem_inbox_applied_total", consumer="c")
            metrics.record("tandem_outbox_pending", 7)
            metrics.record("tandem_group_commit_batch_size", 12, queue="q")
        finally:
            own.shutdown()
            telemetry.setup("test")
        assert sink.metric_names("service-a") == {
            "tandem_inbox_applied_total",
            "tandem_outbox_pending",
            "tandem_group_commit_batch_size",
        }


def test_a_label_nobody_declared_is_refused() -> None:
    with pytest.raises(ValueError, match="sku"):
        metrics.add("tandem_oversell_total", channel="web", sku="SKU-1")


def test_no_metric_is_labelled_by_an_id() -> None:
    for metric in metrics.CATALOGUE.values():
        assert not {label for label in metric.labels if label.endswith("id") or label == "sku"}


def test_a_counter_cannot_be_set() -> None:
    with pytest.raises(ValueError, match="counter"):
        metrics.record("tandem_oversell_total", 1, channel="web")
