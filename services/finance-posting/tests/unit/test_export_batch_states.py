"""What an answer makes of a document: nothing unknown is sent again, nothing waits for ever."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tandem_finance_posting.domain.export_batch import (
    BatchState,
    ExportGroup,
    GroupState,
    MemberState,
    Moment,
    RetryPolicy,
    after_answer,
    batch_state,
    newest,
)
from tandem_finance_posting.domain.export_batch_answer import (
    Absent,
    Delivered,
    Differs,
    ErpAnswer,
    NotDone,
    Posted,
    Refused,
    Unclear,
)

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
RETRY = RetryPolicy(attempts_max=5, first_wait_ms=500, wait_ms_max=10_000)


def group(
    state: GroupState, attempts: int = 1, number: int = 1, generation: int = 1
) -> ExportGroup:
    return ExportGroup(
        number=number, generation=generation, external_id="x", state=state,
        accounting_date=date(2026, 3, 2), functional_currency_code="USD", journal_count=1,
        line_count=2, totals=(), content_hash="h", attempts=attempts, due=NOW,
    )  # fmt: skip


def after(state: GroupState, answer: ErpAnswer, attempts: int = 1) -> ExportGroup:
    return after_answer(group(state, attempts), answer, RETRY, Moment(NOW))


@pytest.mark.parametrize(
    ("state", "answer", "expected"),
    [
        (GroupState.SENDING, Posted("JV"), GroupState.ACKED),
        (GroupState.SENDING, Refused("E", ""), GroupState.REJECTED),
        (GroupState.SENDING, NotDone("503", ""), GroupState.PENDING),
        (GroupState.SENDING, Unclear(""), GroupState.UNKNOWN),
        (GroupState.SENDING, Delivered(""), GroupState.DELIVERED),
        (GroupState.SENDING, Differs("JV", ""), GroupState.STALLED),
        (GroupState.UNKNOWN, Posted("JV"), GroupState.ACKED),
        (GroupState.UNKNOWN, Absent(), GroupState.PENDING),
        # The question failed: whether the document arrived is as unknown as before.
        (GroupState.UNKNOWN, NotDone("503", ""), GroupState.UNKNOWN),
        (GroupState.UNKNOWN, Unclear(""), GroupState.UNKNOWN),
        (GroupState.DELIVERED, NotDone("IO", ""), GroupState.DELIVERED),
        (GroupState.STALLED, NotDone("503", ""), GroupState.STALLED),
        (GroupState.STALLED, Posted("JV"), GroupState.ACKED),
    ],
)
def test_an_answer_moves_a_document(
    state: GroupState, answer: ErpAnswer, expected: GroupState
) -> None:
    assert after(state, answer).state is expected


@given(st.sampled_from([GroupState.UNKNOWN, GroupState.DELIVERED, GroupState.STALLED]),
       st.sampled_from([NotDone("x", "", 9), Unclear(""), Delivered("")]),
       st.integers(1, 10))  # fmt: skip
def test_only_a_clear_no_makes_what_was_sent_free_to_be_sent_again(
    state: GroupState, answer: ErpAnswer, attempts: int
) -> None:
    assert after(state, answer, attempts).state is not GroupState.PENDING


def test_a_document_tried_too_often_stalls_instead_of_going_on_for_ever() -> None:
    last = after(GroupState.SENDING, NotDone("503", ""), attempts=RETRY.attempts_max)
    assert (last.state, last.due) == (GroupState.STALLED, None)
    before = after(GroupState.SENDING, NotDone("503", ""), attempts=RETRY.attempts_max - 1)
    assert before.state is GroupState.PENDING


def test_the_wait_doubles_up_to_the_most_and_jitter_takes_at_most_half() -> None:
    assert [RETRY.wait_ms(n, 0) for n in (1, 2, 3, 6, 60)] == [500, 1_000, 2_000, 10_000, 10_000]
    assert RETRY.wait_ms(2, 1_000) == 500


def test_an_erp_that_asks_for_a_pause_gets_it() -> None:
    tried = after(GroupState.SENDING, NotDone("429", "", wait_ms=90_000))
    assert tried.due == NOW + timedelta(milliseconds=90_000)


@pytest.mark.parametrize(
    ("groups", "members", "expected"),
    [
        ([group(GroupState.UNKNOWN), group(GroupState.ACKED, number=2)], "PA", BatchState.UNKNOWN),
        ([group(GroupState.SENDING)], "P", BatchState.SENDING),
        ([group(GroupState.ACKED)], "AA", BatchState.ACKED),
        ([group(GroupState.REJECTED)], "RR", BatchState.REJECTED),
        ([group(GroupState.REPLACED), group(GroupState.ACKED, generation=2)], "RA",
         BatchState.PARTIAL),
        ([group(GroupState.REPLACED), group(GroupState.UNKNOWN, generation=2)], "RP",
         BatchState.UNKNOWN),
    ],
)  # fmt: skip
def test_a_batch_is_where_its_documents_are(
    groups: list[ExportGroup], members: str, expected: BatchState
) -> None:
    letters = {"P": MemberState.PENDING, "A": MemberState.ACKED, "R": MemberState.REJECTED}
    assert batch_state(groups, [letters[letter] for letter in members]) is expected


def test_the_newest_generation_counts() -> None:
    first, second = group(GroupState.REPLACED), group(GroupState.PENDING, generation=2)
    assert newest([second, first]) == [second]
