"""From JSON to messages: strict, and every fault named with its place."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tandem_core.errors import ValidationFailed
from tandem_gateway.entrypoints.rest.http_routes import RouteTable, public_routes
from tandem_gateway.entrypoints.rest.json_request import build_request, name_write
from tandem_gateway.entrypoints.rest.problem import pointer

TABLE = RouteTable(public_routes())
UUID = "018f0000-0000-7000-8000-000000000000"


def built(verb: str, path: str, body: Any = None, query: tuple[tuple[str, str], ...] = ()) -> Any:
    match = TABLE.find(verb, path)
    assert match is not None
    raw = b"" if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
    return build_request(match.route, match.path_fields, query, raw)


def faults(*arguments: Any, **named: Any) -> dict[str, str]:
    with pytest.raises(ValidationFailed) as caught:
        built(*arguments, **named)
    return {violation.field: violation.rule for violation in caught.value.violations}


def test_both_spellings_of_a_name_and_both_forms_of_an_int64_are_read() -> None:
    lower = built("POST", "/v1/orders", {"requestId": UUID, "waitMs": 5})
    assert lower == built("POST", "/v1/orders", {"request_id": UUID, "wait_ms": 5})
    stamped = built("POST", "/v1/orders", {"order": {"lines": [{"quantity": "2"}]}})
    assert stamped == built("POST", "/v1/orders", {"order": {"lines": [{"quantity": 2}]}})


def test_every_fault_of_a_body_is_named_with_its_position() -> None:
    body = {
        "order": {
            "lines": [{"quantity": 1}, {"quantity": "two"}, {"skuu": "x"}, 4],
            "channel": 7,
        },
        "waitMs": "1.5",
        "nope": 1,
    }
    assert faults("POST", "/v1/orders", body) == {
        "order.lines[1].quantity": "type",
        "order.lines[2].skuu": "unknown_field",
        "order.lines[3]": "type",
        "order.channel": "type",
        "waitMs": "type",
        "nope": "unknown_field",
    }


@pytest.mark.parametrize(
    ("body", "rule"),
    [
        (b"{", "json"),
        (b"[]", "json"),
        (b"\xff", "json"),
        (b'{"waitMs": NaN}', "json"),
        (b'{"waitMs": 1, "waitMs": 2}', "json.duplicate"),
        (b"[" * 100_000, "json.depth"),
    ],
)
def test_what_is_not_one_clear_json_object_is_refused(body: bytes, rule: str) -> None:
    assert list(faults("POST", "/v1/orders", body).values()) == [rule]


def test_query_parameters_fill_scalars_lists_and_enums() -> None:
    found = built("GET", "/v1/availability", query=(("skus", "A"), ("skus", "B")))
    assert list(found.skus) == ["A", "B"]
    assert built("GET", "/v1/orders", query=(("pageSize", "7"),)).page_size == 7


@pytest.mark.parametrize(
    ("query", "rule"),
    [
        ((("nope", "1"),), "query.unknown"),
        ((("pageSize", "1"), ("pageSize", "2")), "query.duplicate"),
        ((("pageSize", "many"),), "type"),
        ((("state", "NO_SUCH_STATE"),), "type"),
    ],
)
def test_query_parameters_that_do_not_fit_are_refused(
    query: tuple[tuple[str, str], ...], rule: str
) -> None:
    assert list(faults("GET", "/v1/orders", query=query).values()) == [rule]


def test_a_body_on_a_path_without_one_is_refused() -> None:
    assert faults("GET", "/v1/orders", {"x": 1}) == {"": "body"}


def test_the_path_wins_over_the_body() -> None:
    found = built("POST", f"/v1/orders/{UUID}:cancel", {"order_id": "other"})
    assert found.order_id == UUID


def test_an_idempotency_key_becomes_the_request_id() -> None:
    message = built("POST", "/v1/orders", {})
    name_write(message, UUID, "t/c")
    assert message.request_id == UUID
    first, second, other = (built("POST", "/v1/orders", {}) for _ in range(3))
    name_write(first, "order 17", "t/c")
    name_write(second, "order 17", "t/c")
    name_write(other, "order 17", "t/other")
    assert first.request_id == second.request_id != other.request_id


@pytest.mark.parametrize(("body", "key"), [({}, None), ({"requestId": UUID}, "another")])
def test_a_write_without_a_name_or_with_two_is_refused(
    body: dict[str, str], key: str | None
) -> None:
    message = built("POST", "/v1/orders", body)
    with pytest.raises(ValidationFailed):
        name_write(message, key, "t/c")


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("", ""),
        ("request_id", "/requestId"),
        ("lines[0].unit_price.minor_units", "/lines/0/unitPrice/minorUnits"),
        ('attributes["a/b~c"]', "/attributes/a~1b~0c"),
    ],
)
def test_pointers_name_places_in_the_json_that_was_sent(path: str, expected: str) -> None:
    assert pointer(path) == expected
