"""Completeness: postable is posted and held together, and only nothing held is whole."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from tandem_finance_posting.domain.posting_completeness import (
    WHOLE_BP,
    EventCount,
    posting_shares,
)

COUNTS = st.lists(
    st.builds(
        EventCount,
        key=st.tuples(st.sampled_from("ab"), st.sampled_from("xy"), st.just("t")),
        held=st.booleans(),
        currency_code=st.sampled_from(["USD", "JPY"]),
        count=st.integers(1, 1_000_000),
        value_minor=st.integers(1, 10**12),
    )
)


@given(COUNTS)
def test_the_whole_is_the_sum_of_its_kinds(counts: list[EventCount]) -> None:
    total, shares = posting_shares(counts)
    assert total.posted == sum(share.posted for share in shares)
    assert total.held == sum(c.count for c in counts if c.held)
    for code in ("USD", "JPY"):
        posted = sum(share.posted_amounts.get(code, 0) for share in shares)
        assert total.posted_amounts.get(code, 0) == posted
    assert [s.held_value for s in shares] == sorted((s.held_value for s in shares), reverse=True)


@given(COUNTS)
def test_only_books_without_anything_held_are_whole(counts: list[EventCount]) -> None:
    total, _ = posting_shares(counts)
    held = any(counted.held for counted in counts)
    assert (total.count_bp == WHOLE_BP) == (not held)
    assert (total.value_bp == WHOLE_BP) == (not held)


def test_a_held_yen_does_not_hide_behind_a_posted_dollar() -> None:
    total, _ = posting_shares(
        [
            EventCount(("", "", "t"), False, "USD", 1, 10**12),
            EventCount(("", "", "t"), True, "JPY", 1, 1),
        ]
    )
    assert total.value_bp == 0
