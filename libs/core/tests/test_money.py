"""Money is exact: it adds up, splits without loss, and refuses what it cannot hold."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tandem_core.currencies import EXPONENTS, currency_exponent
from tandem_core.errors import AmountNotExact, CurrencyMismatch, CurrencyUnknown
from tandem_core.money import Money, split_by_weights

codes = st.sampled_from(sorted(EXPONENTS))
units = st.integers(min_value=-(2**63), max_value=2**63 - 1)
some_units = st.integers(min_value=-(10**15), max_value=10**15)


@given(units, codes)
def test_decimal_text_reads_back_as_the_same_amount(minor_units: int, code: str) -> None:
    money = Money(code, minor_units)
    assert Money.from_decimal_text(money.to_decimal_text(), code) == money


@given(st.from_regex(r"-?[0-9]{1,12}(\.[0-9]{0,6})?", fullmatch=True), codes)
def test_text_is_read_exactly_or_refused(text: str, code: str) -> None:
    exact = Decimal(text).scaleb(EXPONENTS[code])
    if exact == exact.to_integral_value():
        assert Money.from_decimal_text(text, code).minor_units == int(exact)
    else:
        with pytest.raises(AmountNotExact):
            Money.from_decimal_text(text, code)


@pytest.mark.parametrize(
    "text", ["", "-", ".", "1e2", "1,50", " 1", "1.2.3", "NaN", "Infinity", "٣", "9" * 41]
)
def test_text_that_is_no_plain_number_is_refused(text: str) -> None:
    with pytest.raises(AmountNotExact) as caught:
        Money.from_decimal_text(text, "USD", field="price")
    assert caught.value.metadata()["field"] == "price"


def test_more_digits_than_the_currency_has_are_never_rounded() -> None:
    with pytest.raises(AmountNotExact) as caught:
        Money.from_decimal_text("25.99", "JPY", field="total")
    assert caught.value.metadata() == {
        "value": "25.99",
        "currency_code": "JPY",
        "field": "total",
    }


def test_an_unknown_currency_is_named_with_its_field() -> None:
    with pytest.raises(CurrencyUnknown) as caught:
        Money.from_decimal_text("1", "EUX", field="currency")
    assert caught.value.metadata() == {"currency_code": "EUX", "field": "currency"}


@pytest.mark.parametrize("amount", [1.0, True, 2**63, "1"])
def test_money_holds_only_64_bit_integers(amount: object) -> None:
    with pytest.raises(AmountNotExact):
        Money("EUR", amount)  # type: ignore[arg-type]  # the wrong type is what is tested


@given(some_units, some_units, codes)
def test_subtracting_what_was_added_changes_nothing(a: int, b: int, code: str) -> None:
    assert Money(code, a) + Money(code, b) - Money(code, b) == Money(code, a)
    negated = -Money(code, a)
    assert -negated == Money(code, a)
    assert (Money(code, a) < Money(code, b)) == (a < b)


def test_two_currencies_never_mix() -> None:
    euro, dollar = Money("EUR", 1), Money("USD", 1)
    for mix in (lambda: euro + dollar, lambda: euro - dollar, lambda: euro < dollar):
        with pytest.raises(CurrencyMismatch):
            mix()
    assert euro != dollar


@given(some_units, st.lists(st.integers(0, 10**9), min_size=1).filter(any))
def test_shares_add_up_and_lie_within_one_unit_of_the_exact_share(
    total: int, weights: list[int]
) -> None:
    shares = split_by_weights(total, weights)
    assert sum(shares) == total
    for share, weight in zip(shares, weights, strict=True):
        assert abs(share * sum(weights) - total * weight) < sum(weights)


def test_equal_remainders_favour_the_earlier_weight() -> None:
    assert split_by_weights(100, [1, 1, 1]) == [34, 33, 33]
    assert split_by_weights(-100, [1, 1, 1]) == [-34, -33, -33]
    assert split_by_weights(5, [0, 2, 0]) == [0, 5, 0]


def test_something_cannot_be_split_by_nothing() -> None:
    assert split_by_weights(0, [0, 0]) == [0, 0]
    for weights in ([0, 0], [], [2, -1]):
        with pytest.raises(ValueError):
            split_by_weights(5, weights)


def test_the_currency_table_knows_the_odd_exponents() -> None:
    assert [currency_exponent(c) for c in ("JPY", "EUR", "KWD", "CLF", "ISK", "HUF")] == [
        0, 2, 3, 4, 0, 2,
    ]  # fmt: skip
    assert len(EXPONENTS) > 160
    assert all(len(code) == 3 and code.isupper() for code in EXPONENTS)
