"""Estimates reach the published figures, and leave nothing behind when the truth is known."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tandem_finance_posting.domain.errors import EstimateInvalid
from tandem_finance_posting.domain.estimates import (
    PPM,
    Cohort,
    GiftCardCohort,
    LoyaltyCohort,
    ReturnCohort,
    Target,
    allocate_price,
    share,
)

AMOUNTS = st.integers(0, 10**9)
PPMS = st.integers(0, PPM)


def test_example_22_sales_with_a_right_of_return() -> None:
    """100 sold at 100 that cost 60, 3 returns expected: revenue 9,700, reserve 300, asset 180."""
    sold = ReturnCohort(sold_revenue=10_000, sold_cost=6_000, rate_ppm=30_000)
    assert sold.target() == Target(300, 180)
    revenue, cost = 10_000 - sold.target().liability, 6_000 - sold.target().asset
    assert (revenue, cost) == (9_700, 5_820)
    back = replace(sold, returned_revenue=300, returned_cost=180)
    assert back.target() == Target(), "three came back: none is expected any more"
    assert replace(sold, window_over=True).target() == Target()


@pytest.mark.parametrize(
    ("cohort", "expected"),
    [
        (ReturnCohort(50_000, 30_000, 30_000), Target(1_500, 900)),
        (ReturnCohort(2_000_000, 1_600_000, 75_000), Target(150_000, 120_000)),
    ],
)
def test_scaled_variants_of_the_return_reserve(cohort: ReturnCohort, expected: Target) -> None:
    assert cohort.target() == expected


def test_goods_that_come_back_worth_less_are_expected_at_less() -> None:
    cohort = ReturnCohort(10_000, 6_000, 30_000, loss_ppm=250_000)
    assert cohort.target() == Target(300, 135)


def test_prices_are_allocated_by_stand_alone_prices_to_the_last_unit() -> None:
    assert allocate_price(100, [50, 25, 75]) == [33, 17, 50], "example 33"
    assert allocate_price(80, [20, 30, 40]) == [18, 27, 35], "plain rounding would give 81"
    assert allocate_price(100, [40, 55, 45], bundle=(1, 2), bundle_price=60) == [40, 33, 27]


@given(st.integers(0, 10**9), st.lists(st.integers(1, 10**6), min_size=1, max_size=6))
def test_an_allocated_price_adds_up_and_each_part_is_within_one_unit(
    price: int, standalone: list[int]
) -> None:
    parts = allocate_price(price, standalone)
    whole = sum(standalone)
    assert sum(parts) == price
    for part, weight in zip(parts, standalone, strict=True):
        assert abs(part * whole - price * weight) < whole


def test_breakage_in_proportion_to_redemption() -> None:
    """100 sold, 10 expected never to come, 45 redeemed: half of the 90 is in, so 5 is income."""
    assert GiftCardCohort(100, 10, 45).target() == Target(5)
    assert GiftCardCohort(100, 10, 45, entitled=False).target() == Target()


@settings(max_examples=300)
@given(st.data())
def test_breakage_rises_with_redemption_and_never_above_expectation_or_liability(
    data: st.DataObject,
) -> None:
    face = data.draw(st.integers(0, 10**6))
    expected = data.draw(st.integers(0, face))
    steps = sorted(data.draw(st.lists(st.integers(0, face), min_size=1, max_size=8)))
    before = 0
    for redeemed in steps:
        income = GiftCardCohort(face, expected, redeemed).target().liability
        assert 0 <= income <= expected
        assert income <= face - redeemed, "more income than is left on the cards"
        if redeemed <= face - expected:
            assert income >= before
            before = income
    whole = GiftCardCohort(face, expected, face - expected).target().liability
    assert whole == (expected if face > expected else 0)


@settings(max_examples=200)
@given(st.lists(st.tuples(AMOUNTS, AMOUNTS, PPMS, PPMS), min_size=1, max_size=5), st.data())
def test_a_reserve_leaves_no_trace_when_the_window_is_over(
    story: list[tuple[int, int, int, int]], data: st.DataObject
) -> None:
    """Whatever was estimated on the way: in the end revenue and cost are as if nothing had been."""
    sold = cost = returned = returned_cost = 0
    posted, revenue, costs = Target(), 0, 0
    for revenue_sold, cost_sold, rate, loss in [*story, (0, 0, 0, 0)]:
        last = (revenue_sold, cost_sold, rate, loss) == (0, 0, 0, 0)
        sold, cost = sold + revenue_sold, cost + cost_sold
        back = data.draw(st.integers(0, sold - returned))
        goods = data.draw(st.integers(0, cost - returned_cost))
        returned, returned_cost = returned + back, returned_cost + goods
        revenue += revenue_sold - back
        costs += cost_sold - goods
        cohort = ReturnCohort(sold, cost, rate, returned, returned_cost, loss, last)
        change = cohort.target().less(posted)
        revenue, costs, posted = revenue - change.liability, costs - change.asset, cohort.target()
        assert posted.liability >= 0
        assert 0 <= posted.asset <= cost - returned_cost or posted.asset == 0
    assert posted == Target()
    assert (revenue, costs) == (sold - returned, cost - returned_cost)


@given(AMOUNTS, st.integers(1, 10**6), st.lists(st.integers(0, 10**6), min_size=1, max_size=6))
def test_points_are_all_revenue_when_all_that_is_expected_was_redeemed_or_expired(
    allocated: int, expected: int, redeemed: list[int]
) -> None:
    before = 0
    for points in sorted(redeemed):
        now = LoyaltyCohort(allocated, expected, points).target().liability
        assert before <= now <= allocated
        before = now
    assert LoyaltyCohort(allocated, expected, expected).target().liability == allocated
    assert LoyaltyCohort(allocated, expected, 0, expired=True).target().liability == allocated


def test_a_changed_expectation_of_points_is_caught_up_at_once() -> None:
    assert LoyaltyCohort(1_000, 100, 50).target() == Target(500)
    assert LoyaltyCohort(1_000, 200, 50).target() == Target(250)


@given(AMOUNTS, PPMS)
def test_a_share_is_rounded_half_away_from_zero(amount: int, ppm: int) -> None:
    found = share(amount, ppm, PPM)
    assert -PPM < 2 * (found * PPM - amount * ppm) <= PPM


@pytest.mark.parametrize(
    ("cohort", "field"),
    [
        (ReturnCohort(-1, 0, 0), "c.sold_revenue"),
        (ReturnCohort(1, 0, PPM + 1), "c.rate_ppm"),
        (ReturnCohort(1, 0, 0, loss_ppm=-1), "c.loss_ppm"),
        (GiftCardCohort(10, 11), "c.expected_breakage"),
        (GiftCardCohort(10, 1, 11), "c.redeemed"),
        (LoyaltyCohort(10, 0), "c.expected_points"),
    ],
)
def test_a_figure_that_cannot_be_is_refused_with_its_name(cohort: Cohort, field: str) -> None:
    with pytest.raises(EstimateInvalid) as refused:
        cohort.checked("c")
    assert refused.value.field == field
