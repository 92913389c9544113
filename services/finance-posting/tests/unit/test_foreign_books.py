"""Foreign currency in the books: what is settled is nil in both, differences are where they belong.

Goal: I24 and I27. Method: random captures, fees, payouts and refunds in euros at random rates, in
any order, against sums of the events alone. Left out: sealing of rates, which is of the component.
"""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tandem_finance_posting.adapters.rules.rule_files import default_document, proved_rules
from tandem_finance_posting.domain.currency_rates import (
    NANO,
    MonetaryItem,
    RateTable,
    converted,
)
from tandem_finance_posting.domain.errors import RoundingExcess
from tandem_finance_posting.domain.event_posting import Posted
from tandem_finance_posting.domain.finance_event import RATE_UNKNOWN, FinanceEvent, Hold
from tandem_finance_posting.domain.posting_book import PostingBook
from tandem_finance_posting.domain.rule_catalogue import RuleCatalogue

RULES = proved_rules({**default_document(), "entities": {"US01": {"currency": "USD"}}})
FIRST = date(2026, 3, 1)
RATES = st.integers(min_value=NANO // 2, max_value=2 * NANO)
AMOUNTS = st.integers(min_value=1, max_value=10**7)


def book(rates: list[int]) -> PostingBook:
    days = {FIRST + timedelta(days=n): rate for n, rate in enumerate(rates)}
    table = RateTable({("EUR", "USD"): days})
    return PostingBook({"t": RuleCatalogue((RULES,))}, date(2026, 6, 30), rates={"t": table})


def euro(kind: str, number: int, day: int, **facts: object) -> FinanceEvent:
    return FinanceEvent(
        tenant="t", source_system="test", type=kind, id=str(number), legal_entity="US01",
        original_date=FIRST + timedelta(days=day), currency_code="EUR", facts=facts,  # type: ignore[arg-type]
        order_id="o1" if kind == "payment.captured" else "",
    )  # fmt: skip


def sums(books: PostingBook, events: list[FinanceEvent]) -> dict[str, tuple[int, int]]:
    """Amount in euros and worth in dollars of each role."""
    found: dict[str, tuple[int, int]] = {}
    for event in events:
        posted = books.post(event)
        assert isinstance(posted, Posted), posted
        for journal in posted.journals:
            assert sum(x.functional * x.side.sign for x in journal.lines) == 0
            for line in journal.lines:
                amount, worth = found.get(line.role, (0, 0))
                euros = line.amount * line.side.sign if not line.currency_code else 0
                found[line.role] = amount + euros, worth + line.functional * line.side.sign
    return found


@settings(max_examples=80, deadline=None)
@given(
    amounts=st.lists(AMOUNTS, min_size=1, max_size=5),
    rates=st.lists(RATES, min_size=6, max_size=6),
    data=st.data(),
)
def test_clearing_is_nil_in_both_currencies_once_it_is_settled_in_whatever_order(
    amounts: list[int], rates: list[int], data: st.DataObject
) -> None:
    events = [euro("payment.captured", n, n, amount=x) for n, x in enumerate(amounts)]
    paid = data.draw(st.lists(st.integers(min_value=1, max_value=sum(amounts)), max_size=3))
    left = sum(amounts)
    for n, part in enumerate(paid):
        events.append(euro("payout.initiated", n, 5, amount=min(part, left)))
        left -= min(part, left)
        if left == 0:
            break
    if left:
        events.append(euro("psp.settled", 99, 4, fee=left))
    found = sums(book(rates), data.draw(st.permutations(events)))
    assert found.get("PSP_CLEARING") == (0, 0)
    captured = sum(converted(x, ("EUR", "USD"), rates[n]) for n, x in enumerate(amounts))
    spent = sum(found.get(role, (0, 0))[1] for role in ("PAYOUT_IN_TRANSIT", "PSP_FEES"))
    assert found.get("FX_REALISED", (0, 0))[1] == captured - spent


@given(item=st.tuples(AMOUNTS, AMOUNTS), amount=AMOUNTS, worth=AMOUNTS)
def test_an_item_settled_to_nothing_is_worth_nothing_and_none_is_worth_the_other_side(
    item: tuple[int, int], amount: int, worth: int
) -> None:
    after, booked = MonetaryItem(*item).booked(-amount, -worth)
    assert booked <= 0, "a line keeps its side"
    assert after.functional == item[1] + booked
    if after.amount == 0:
        assert after.functional == 0
    assert after.amount * after.functional >= 0


def test_what_single_conversions_round_away_is_booked_up_to_the_cap_and_refused_above() -> None:
    """Lines of 1 cent at 0.5 are 0.5 cents each: rounded up one by one, they exceed their sum."""
    half = [NANO // 2] * 6
    few = euro("mkt.refund", 1, 0, lines=[{"net": 1} for _ in range(4)])
    found = sums(book(half), [few])
    assert found["ROUNDING"] == (0, 2 - 4)
    assert found["REV_RETURNS"] == (4, 4)
    many = euro("mkt.refund", 2, 0, lines=[{"net": 1} for _ in range(20)])
    with pytest.raises(RoundingExcess) as refused:
        book(half).post(many)
    assert (refused.value.rule, refused.value.cap_minor) == ("P33", 5)


def test_a_rate_is_good_for_a_long_weekend_and_no_longer() -> None:
    books = book([NANO])
    assert isinstance(books.post(euro("payment.captured", 1, 5, amount=5)), Posted)
    held = books.post(euro("payment.captured", 2, 6, amount=5))
    assert isinstance(held, Hold)
    assert held.gate == RATE_UNKNOWN


@given(amount=AMOUNTS, rate=RATES)
def test_a_conversion_is_within_half_a_unit_of_the_exact_amount_with_either_sign(
    amount: int, rate: int
) -> None:
    found = converted(amount, ("EUR", "USD"), rate)
    assert abs(found * NANO - amount * rate) * 2 <= NANO
    assert converted(-amount, ("EUR", "USD"), rate) == -found


def test_yen_have_no_cents() -> None:
    assert converted(10_000, ("JPY", "USD"), 6_700_000) == 6_700
    assert converted(6_700, ("USD", "JPY"), 149_253_731_343) == 10_000
