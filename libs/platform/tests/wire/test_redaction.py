"""Nothing a contract marks as personal or secret reaches a log."""

from __future__ import annotations

from tandem.connector.v1 import ingress_service_pb2
from tandem_platform.redaction import MASK, masked_names, redact_event, redacted


def test_marked_fields_of_a_message_are_masked_and_others_shown() -> None:
    request = ingress_service_pb2.ReceiveWebhookRequest(
        connection_id="shop", headers={"x": "jane@example.com"}, body=b"jane"
    )
    assert redacted(request) == {"connection_id": "shop", "headers": MASK, "body": MASK}


def test_marked_names_are_masked_at_any_depth_of_a_log_line() -> None:
    line = {"event": "x", "call": {"Authorization": "Bearer abc", "items": [{"token": "t"}]}}
    masked = redact_event(None, "", line)
    assert masked == {
        "event": "x",
        "call": {"Authorization": MASK, "items": [{"token": MASK}]},
    }


def test_the_contracts_mark_something() -> None:
    assert "body" in masked_names()
