"""Events of producers newer than their consumers: what is new is ignored or refused, never guessed.

Goal: a consumer meets fields it does not know (ignored: the result is the same), enum values it
does not know (the same result, or UNSUPPORTED_ENUM), and contents no one promised (a DomainError).
Method: a filled message of every event a consumer listens to, changed at each place in turn.
Left out: what buf's breaking check covers, numbers and types of fields.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import DecodeError, Message
from google.protobuf.timestamp_pb2 import Timestamp
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tandem.connector.v1 import events_pb2 as connector
from tandem.finance.v1 import events_pb2 as finance
from tandem.order.v1 import events_pb2 as order
from tandem_core.errors import DomainError
from tandem_finance_posting.adapters.wire import source_event_mapping as posting
from tandem_inventory_availability.adapters.wire.signal_mapping import from_feed_event
from tandem_inventory_availability.domain.stock_signal import SourceKey
from tandem_order_orchestrator.adapters.wire import report_mapping as orders
from tandem_order_orchestrator.adapters.wire.draft_mapping import from_draft
from tandem_reconciliation.adapters.wire import observation_mapping as reconciliation

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
NEWER = 9_000
"""An enum number no producer of today sends."""
# Field 4000 of three wire types: varint, length-delimited, 64 bits.
UNKNOWN_FIELDS = b"\x80\xfa\x01\x05" + b"\x82\xfa\x01\x02hi" + b"\x81\xfa\x01" + b"\x01" * 8

Mapping_ = Callable[[Message], object]


def to_posting(message: Message) -> object:
    event = posting.SourceEvent(
        "e", message.DESCRIPTOR.full_name, "s", "t", NOW, message.SerializeToString()
    )
    return posting.from_source(event, lambda channel: "US01")


def to_reconciliation(message: Message) -> object:
    return reconciliation.observations_of(
        reconciliation.SourceEvent(
            "e", message.DESCRIPTOR.full_name, "t", NOW, message.SerializeToString()
        )
    )


def to_stock(message: Message) -> object:
    source = SourceKey("t", "dc")
    return from_feed_event(message.DESCRIPTOR.full_name, message.SerializeToString(), source, {})


def to_order(message: Message) -> object:
    read: Any = type(message).FromString(message.SerializeToString())
    if isinstance(read, connector.RefundReported) and orders.is_cancellation(read):
        return orders.cancelled_units(read)
    return ORDER_REPORTS[type(message)](read)


ORDER_REPORTS: Mapping[type[Message], Callable[[Any], object]] = {
    connector.OrderPlaced: lambda fact: from_draft(fact.order),
    connector.SaleReported: orders.from_sale,
    connector.ShipmentReported: orders.from_shipment,
    connector.RefundReported: lambda fact: orders.from_refund(fact, "USD"),
    connector.PaymentCompleted: orders.from_payment,
}
FINANCE_SOURCES: tuple[type[Message], ...] = (
    order.PaymentCaptured, order.FulfilmentShipped, order.SaleCompleted, order.OrderCancelled,
    order.ReturnApproved, order.RefundSettled, connector.GoodsReceived,
)  # fmt: skip
OBSERVED: tuple[type[Message], ...] = (
    *FINANCE_SOURCES, order.FulfilmentReleased, finance.JournalPosted,
    connector.ProviderTransactionReported,
)  # fmt: skip
FEEDS: tuple[type[Message], ...] = (
    connector.StockSnapshotReported,
    connector.StockMovementReported,
)


@dataclass(frozen=True)
class Case:
    """A consumer and an event it listens to."""

    consumer: str
    message: type[Message]
    read: Mapping_

    def __str__(self) -> str:
        return f"{self.consumer} reads {self.message.__name__}"


CASES = [
    *(Case("finance-posting", m, to_posting) for m in FINANCE_SOURCES),
    *(Case("reconciliation", m, to_reconciliation) for m in OBSERVED),
    *(Case("inventory-availability", m, to_stock) for m in FEEDS),
    *(Case("order-orchestrator", m, to_order) for m in ORDER_REPORTS),
]
TEXTS = {"currency_code": "USD", "business_date": "2026-03-02", "purpose": "primary"}


def filled(message_type: type[Message]) -> Message:
    """A message with every field set to something valid; lists have one item."""
    message = message_type()
    fill(message)
    return message


def fill(message: Any) -> None:
    if isinstance(message, Timestamp):
        message.FromDatetime(NOW)
        return
    for field in message.DESCRIPTOR.fields:
        if field.message_type is not None and field.message_type.GetOptions().map_entry:
            continue
        if field.message_type is not None:
            part = getattr(message, field.name)
            fill(part.add() if field.is_repeated else part)
        elif field.is_repeated:
            getattr(message, field.name).append(leaf(field))
        else:
            setattr(message, field.name, leaf(field))


def leaf(field: FieldDescriptor) -> object:
    if field.full_name == "tandem.connector.v1.ProviderTransactionReported.action":
        return connector.PAYMENT_ACTION_CAPTURE  # providers list captures and refunds only
    if field.enum_type is not None:
        return field.enum_type.values[1].number
    if field.cpp_type == FieldDescriptor.CPPTYPE_STRING:
        return b"x" if field.type == FieldDescriptor.TYPE_BYTES else TEXTS.get(field.name, "x")
    return 1


def parts(message: Any) -> Iterator[Any]:
    """The message and every message within."""
    yield message
    for field, value in message.ListFields():
        if field.message_type is None or field.message_type.GetOptions().map_entry:
            continue
        for part in value if field.is_repeated else [value]:
            yield from parts(part)


def leaves(message: Message, *, enums: bool) -> list[tuple[int, FieldDescriptor]]:
    """Places of single values: number of the part, and the field."""
    return [
        (place, field)
        for place, part in enumerate(parts(message))
        for field, _ in part.ListFields()
        if field.message_type is None
        and not isinstance(part, Timestamp)  # its range is protobuf's own promise
        and not field.is_repeated
        and (field.enum_type is not None) == enums
    ]


def outcome(case: Case, message: Message) -> object:
    """What the consumer makes of it: a value, or the reason it refuses it with."""
    try:
        return case.read(message)
    except DomainError as error:
        return error.reason


def changed(case: Case, place: int, field: FieldDescriptor, value: object) -> Message:
    message = filled(case.message)
    setattr(list(parts(message))[place], field.name, value)
    return message


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_filled_event_of_today_is_understood(case: Case) -> None:
    assert not isinstance(outcome(case, filled(case.message)), str)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_fields_nobody_knows_change_nothing(case: Case) -> None:
    message = filled(case.message)
    for part in list(parts(message)):
        part.MergeFromString(UNKNOWN_FIELDS)
    assert len(message.SerializeToString()) > len(filled(case.message).SerializeToString())
    assert outcome(case, message) == outcome(case, filled(case.message))


@pytest.mark.parametrize("case", CASES, ids=str)
def test_enum_values_nobody_knows_are_refused_or_do_not_matter(case: Case) -> None:
    today = outcome(case, filled(case.message))
    for place, field in leaves(filled(case.message), enums=True):
        found = outcome(case, changed(case, place, field, NEWER))
        assert found in (today, "UNSUPPORTED_ENUM"), field.full_name


DECISIONS = {
    ("finance-posting", "tandem.order.v1.TaxLine.collector"),
    ("finance-posting", "tandem.order.v1.SaleTender.type"),
    ("finance-posting", "tandem.order.v1.ReturnLine.disposition"),
    ("reconciliation", "tandem.connector.v1.ProviderTransactionReported.action"),
    ("inventory-availability", "tandem.connector.v1.StockMovementReported.cause"),
    ("order-orchestrator", "tandem.connector.v1.PaymentCompleted.action"),
    ("order-orchestrator", "tandem.connector.v1.PaymentCompleted.outcome"),
    ("order-orchestrator", "tandem.connector.v1.RefundReportedLine.restock"),
    ("order-orchestrator", "tandem.connector.v1.Tender.type"),
    ("order-orchestrator", "tandem.order.v1.TaxLine.collector"),
}
"""Enums money or goods depend on: a newer value must stop the event, not slip through."""


def test_every_enum_a_decision_depends_on_refuses_newer_values() -> None:
    refused = {
        (case.consumer, field.full_name)
        for case in CASES
        for place, field in leaves(filled(case.message), enums=True)
        if outcome(case, changed(case, place, field, NEWER)) == "UNSUPPORTED_ENUM"
    }
    assert refused >= DECISIONS


@pytest.mark.parametrize("case", CASES, ids=str)
def test_contents_no_one_promised_are_refused_as_domain_errors_only(case: Case) -> None:
    for place, field in leaves(filled(case.message), enums=False):
        for value in unlikely(field):
            outcome(case, changed(case, place, field, value))


def unlikely(field: FieldDescriptor) -> list[object]:
    if field.type == FieldDescriptor.TYPE_BYTES:
        return [b""]
    if field.cpp_type == FieldDescriptor.CPPTYPE_STRING:
        return ["", "\x00", "9" * 300, "2026-02-31"]
    if field.cpp_type == FieldDescriptor.CPPTYPE_BOOL:
        return [False]
    bits = 31 if field.cpp_type in (FieldDescriptor.CPPTYPE_INT32,) else 63
    return [0, -1, 2**bits - 1, -(2**bits)]


@pytest.mark.parametrize("case", CASES, ids=str)
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_an_event_with_parts_missing_is_refused_or_read_never_more(
    case: Case, data: st.DataObject
) -> None:
    message = filled(case.message)
    every = [(p, field) for p in parts(message) for field, _ in p.ListFields()]
    for number in data.draw(st.sets(st.integers(0, len(every) - 1), max_size=4)):
        part, field = every[number]
        part.ClearField(field.name)
    outcome(case, message)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_bytes_that_are_no_message_are_refused_by_name(case: Case) -> None:
    if case.consumer == "order-orchestrator":
        return  # its consumer, not its mapping, reads the bytes: see its own tests
    broken = _Broken(case.message)
    try:
        case.read(broken)  # type: ignore[arg-type]  # only its name and bytes are asked
    except (DomainError, DecodeError):
        return
    raise AssertionError("unreadable bytes were read")


@dataclass(frozen=True)
class _Broken:
    """Looks like a message of the type, and is not readable."""

    message: type[Message]

    @property
    def DESCRIPTOR(self) -> Any:  # noqa: N802  protobuf's name
        return self.message.DESCRIPTOR

    def SerializeToString(self) -> bytes:  # noqa: N802  protobuf's name
        return b"\xff\xff\xff"
