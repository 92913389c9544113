"""Page tokens are bound to their list, its filters and their caller."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tandem.ops.v1 import dead_letter_pb2, journal_service_pb2, operations_service_pb2
from tandem_platform.pagination import PageTokenInvalid, PageTokens, page_size
from tandem_platform.request_context import acting_as
from tandem_testing.grpc_wire import caller

TOKENS = PageTokens(b"k" * 32)
OPEN = operations_service_pb2.ListDeadLettersRequest()
POSITIONS = st.lists(st.one_of(st.text(), st.integers(-(2**63), 2**63 - 1)), max_size=4)


@given(POSITIONS)
def test_a_token_gives_back_its_position(position: list[str | int]) -> None:
    with acting_as(caller()):
        token = TOKENS.encode(position, OPEN)
        assert TOKENS.decode(token, OPEN) == position


def test_no_token_is_the_first_page() -> None:
    with acting_as(caller()):
        assert TOKENS.decode("", OPEN) is None


def test_the_page_size_may_change_between_pages() -> None:
    with acting_as(caller()):
        token = TOKENS.encode(["a"], OPEN)
        again = operations_service_pb2.ListDeadLettersRequest(page_size=7, page_token=token)
        assert TOKENS.decode(token, again) == ["a"]


@pytest.mark.parametrize(
    "query",
    [
        operations_service_pb2.ListDeadLettersRequest(
            state=dead_letter_pb2.DeadLetter.STATE_RESOLVED
        ),
        journal_service_pb2.ListAggregateVersionsRequest(),
    ],
)
def test_a_token_of_another_list_or_filter_is_refused(query: object) -> None:
    with acting_as(caller()):
        token = TOKENS.encode(["a"], OPEN)
        with pytest.raises(PageTokenInvalid):
            TOKENS.decode(token, query)  # type: ignore[arg-type]


@pytest.mark.parametrize("other", [caller(tenant="t-2"), caller(subject="someone")])
def test_a_token_of_another_caller_is_refused(other: object) -> None:
    with acting_as(caller()):
        token = TOKENS.encode(["a"], OPEN)
    with acting_as(other), pytest.raises(PageTokenInvalid):  # type: ignore[arg-type]
        TOKENS.decode(token, OPEN)


@given(st.text(max_size=80))
def test_an_invented_token_is_refused(token: str) -> None:
    with acting_as(caller()):
        if token:
            with pytest.raises(PageTokenInvalid):
                TOKENS.decode(token, OPEN)


def test_a_page_is_cut_to_the_most_allowed() -> None:
    assert (page_size(0), page_size(7), page_size(10_000)) == (50, 7, 250)
