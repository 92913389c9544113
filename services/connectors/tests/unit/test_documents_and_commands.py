"""The lives of documents and commands."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tandem_connector_sdk.models import PaymentAction, PaymentCommand
from tandem_connectors.domain.connection import Connection
from tandem_connectors.domain.errors import DocumentNotParked
from tandem_connectors.domain.inbound_document import (
    FINDINGS_MAX,
    DocumentState,
    InboundDocument,
    Refusal,
)
from tandem_connectors.domain.outbound_command import (
    CommandState,
    OutboundCommand,
    RetryPolicy,
)
from tandem_core.errors import FieldViolation, ValidationFailed
from tandem_core.money import Money

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
DOCUMENT = InboundDocument(
    id="d", tenant="t", connection_id="c", connector="shopify", kind="orders/create",
    source_id="s", event_key="", payload=b"canary payload", sha256="", received_at=NOW,
    updated_at=NOW,
)  # fmt: skip
COMMAND = OutboundCommand(
    PaymentCommand("cmd", "order", PaymentAction.CAPTURE, Money("USD", 1)), "t", "c", NOW
)


def test_only_a_parked_document_can_be_repaired() -> None:
    for document in (
        DOCUMENT,
        DOCUMENT.translated(1, (), NOW),
        DOCUMENT.ignored("test order", (), NOW),
    ):
        with pytest.raises(DocumentNotParked):
            document.repaired(b"x", "")
    assert DOCUMENT.parked(Refusal("R"), NOW).repaired(b"x", "why").body == b"x"


def test_a_retry_without_a_new_payload_keeps_the_last_repair() -> None:
    once = DOCUMENT.parked(Refusal("R"), NOW).repaired(b"first", "")
    again = once.parked(Refusal("R"), NOW).repaired(None, "")
    assert (again.body, again.payload) == (b"first", b"canary payload")


def test_a_translated_document_remembers_no_refusal() -> None:
    refused = DOCUMENT.parked(Refusal("R", "d", "f"), NOW)
    done = refused.repaired(b"x", "").translated(2, ["F"] * 500, NOW)
    assert (done.refusal, done.state, done.attempts) == (Refusal(), DocumentState.TRANSLATED, 2)
    assert len(done.findings) == FINDINGS_MAX


def test_a_refusal_names_every_field_of_a_failed_validation() -> None:
    error = ValidationFailed([FieldViolation("a", "x"), FieldViolation("b", "y")])
    assert Refusal.of(error).field == "a,b"


def test_a_payload_is_not_shown_when_a_document_is_printed() -> None:
    assert "canary" not in repr(DOCUMENT)


@given(st.integers(0, 10_000))
def test_pauses_grow_and_are_bounded(attempts: int) -> None:
    policy = RetryPolicy()
    assert timedelta(0) < policy.pause(attempts) <= policy.pause(attempts + 1)
    assert policy.pause(attempts) <= timedelta(milliseconds=policy.pause_ms_max)


def test_a_command_is_given_up_by_age_and_not_by_attempts() -> None:
    policy = RetryPolicy()
    late = NOW + timedelta(hours=policy.age_h_max)
    assert COMMAND.postponed(policy, late, "down").state is CommandState.PENDING
    later = late + timedelta(seconds=1)
    assert COMMAND.postponed(policy, later, "down").state is CommandState.PARKED


def test_what_the_provider_asks_to_wait_wins_over_our_own_pause() -> None:
    asked = COMMAND.postponed(RetryPolicy(), NOW, "limited", timedelta(seconds=90))
    assert asked.next_attempt_at == NOW + timedelta(seconds=90)


def test_a_connection_takes_every_method_unless_it_names_some() -> None:
    assert Connection("c", "x", "t").takes_payment_method("card")
    named = Connection("c", "x", "t", {"payment_methods": ["wallet"]})
    assert not named.takes_payment_method("card")
