"""Events on their way: ids, sizes, headers, traces, names."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from sqlalchemy.exc import IntegrityError
from tandem.order.v1 import events_pb2
from tandem_core.errors import ValidationFailed
from tandem_platform import event_payload, telemetry
from tandem_platform.aggregate_key import AggregateKey
from tandem_platform.delivery import Delivery, from_message
from tandem_platform.event_journal import event_from, published_headers
from tandem_platform.event_subjects import subject_of
from tandem_platform.jetstream import JetStream
from tandem_platform.version_gate import KeyState, plan

from .conftest import Databases
from .harness import TENANT, DirectJournal, consuming, event, eventually, producing

KEYS = ("a", "b")


def delivery(key: str, version: int) -> Delivery:
    one = event(key, version)
    return from_message(published_headers(one, "order-orchestrator"), one.payload, 1)


@given(
    arrivals=st.lists(st.tuples(st.sampled_from(KEYS), st.integers(1, 8)), max_size=30),
    applied=st.dictionaries(st.sampled_from(KEYS), st.integers(0, 4)),
)
def test_a_plan_applies_each_version_once_without_gaps_and_forgets_nothing(
    arrivals: list[tuple[str, int]], applied: dict[str, int]
) -> None:
    states = {AggregateKey(TENANT, "order", k): KeyState(v) for k, v in applied.items()}
    deliveries = [delivery(key, version) for key, version in arrivals]
    decided = plan(deliveries, states)
    for key in KEYS:
        versions = [d.aggregate_version for d in decided.accepted if d.aggregate_id == key]
        first = applied.get(key, 0) + 1
        assert versions == list(range(first, first + len(versions)))
    kinds = (decided.accepted, decided.duplicates, decided.parked, decided.ahead)
    assert sum(map(len, kinds)) == len(deliveries)
    assert {d.key for d in decided.ahead} == {gap.key for gap in decided.gaps}


@given(identity=st.text(min_size=1), tenant=st.text(min_size=1))
def test_any_id_survives_the_headers(identity: str, tenant: str) -> None:
    one = event_from(
        events_pb2.OrderRejected(),
        aggregate_type="order",
        aggregate_id=identity,
        aggregate_version=3,
        occurred_at=datetime.now(UTC),
        tenant=tenant,
    )
    headers = published_headers(one, "order-orchestrator")
    assert all(value.isascii() and value.isprintable() for value in headers.values())
    # As NATS trims them.
    read = from_message({k: v.strip() for k, v in headers.items()}, one.payload, 1)
    assert (read.aggregate_id, read.tenant, read.event_id) == (identity, tenant, one.event_id)
    assert (read.occurred_at, read.source) == (one.occurred_at, "order-orchestrator")


def test_the_same_decision_makes_the_same_event_id() -> None:
    assert event("order-1", 1).event_id == event("order-1", 1).event_id
    assert event("order-1", 1).event_id != event("order-1", 2).event_id


def test_an_event_too_large_for_the_bus_is_refused_where_it_is_made() -> None:
    with pytest.raises(ValidationFailed):
        event("order-1", 1, "x" * 1_000_000)


def test_subjects_keep_words_apart() -> None:
    assert subject_of("tandem.order.v1.OrderAccepted", 3) == "evt.order.order_accepted.p03"
    assert subject_of("tandem.finance.v1.COGSPosted", 11) == "evt.finance.cogs_posted.p11"


async def test_a_version_recorded_twice_is_an_error_and_not_a_second_event(
    databases: Databases,
) -> None:
    async with producing(databases.new(), None) as producer:
        await producer.step("order-1")
        async with producer.units() as uow:
            uow.record(event("order-1", 1))
            with pytest.raises(IntegrityError, match="event_journal_version_once"):
                await uow.commit()


async def test_leaving_a_unit_of_work_without_commit_writes_nothing(
    databases: Databases,
) -> None:
    async with producing(databases.new(), None) as producer:
        async with producer.units() as uow:
            uow.record(event("order-1", 1))
        assert await producer.unpublished() == 0


async def test_an_event_of_another_area_cannot_be_published(databases: Databases) -> None:
    async with producing(databases.new(), None) as producer:
        producer.journal.area = "finance"
        with pytest.raises(ValueError, match="area finance"):
            await producer.step("order-1")


def test_masked_fields_left_alone_in_a_repair_keep_their_content(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(event_payload, "masked_names", lambda: frozenset({"order_id"}))
    stored = events_pb2.OrderRejected(order_id="Jane", reason="poison")
    kind = stored.DESCRIPTOR.full_name
    shown = event_payload.to_json(kind, stored.SerializeToString())
    assert "Jane" not in shown
    repaired = event_payload.from_json(
        kind, shown.replace("poison", "ok"), stored.SerializeToString()
    )
    expected = events_pb2.OrderRejected(order_id="Jane", reason="ok")
    assert events_pb2.OrderRejected.FromString(repaired) == expected


async def test_one_trace_spans_recording_publishing_and_applying(
    databases: Databases, bus: JetStream, monkeypatch: pytest.MonkeyPatch
) -> None:
    spans = InMemorySpanExporter()
    monkeypatch.setattr(telemetry, "_active", telemetry.active())
    telemetry.setup("test", span_processor=SimpleSpanProcessor(spans))
    async with producing(databases.new(), bus) as producer:
        journal = DirectJournal(producer.database)
        async with consuming(databases.new(), bus, journal):
            with telemetry.span("command"):
                trace_id = telemetry.current_trace_id()
                await producer.step("order-1", "poison")
                await producer.step("order-2")

            def named(name: str) -> list[ReadableSpan]:
                return [s for s in spans.get_finished_spans() if s.name == name]

            async def all_seen() -> bool:
                counts = [len(named(f"{step} OrderRejected")) for step in ("publish", "process")]
                return counts == [2, 1]

            await eventually(all_seen)
            published, refused = (named(f"{s} OrderRejected") for s in ("publish", "process"))
    assert {f"{s.context.trace_id:032x}" for s in [*published, *refused]} == {trace_id}
    assert [s.attributes["error.type"] for s in refused if s.attributes] == ["Refused"]
