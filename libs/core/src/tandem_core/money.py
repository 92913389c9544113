"""Money: integer minor units of one currency, never rounded, never a float."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import total_ordering

from tandem_core.currencies import currency_exponent as currency_exponent
from tandem_core.decimal_text import INT64_MAX, INT64_MIN, decimal_text, scaled_integer
from tandem_core.errors import AmountNotExact, CurrencyMismatch


@total_ordering
@dataclass(frozen=True, slots=True)
class Money:
    """An exact amount. Unit: the currency's minor unit (cents for EUR, yen for JPY).

    Raises CurrencyUnknown, AmountNotExact when built, CurrencyMismatch when mixed.
    """

    currency_code: str
    minor_units: int

    def __post_init__(self) -> None:
        currency_exponent(self.currency_code)
        # bool is an int to Python, and a float slips through `+`: both would travel unnoticed.
        if type(self.minor_units) is not int or not INT64_MIN <= self.minor_units <= INT64_MAX:
            raise AmountNotExact(str(self.minor_units), self.currency_code)

    @classmethod
    def from_decimal_text(cls, text: str, currency_code: str, field: str = "") -> "Money":
        """ "12.30" in USD is 1230; raises CurrencyUnknown or AmountNotExact naming `field`."""
        minor_units = scaled_integer(text, currency_exponent(currency_code, field))
        if minor_units is None:
            raise AmountNotExact(text, currency_code, field)
        return cls(currency_code, minor_units)

    @classmethod
    def zero(cls, currency_code: str) -> "Money":
        """No money, of one currency."""
        return cls(currency_code, 0)

    @classmethod
    def total(cls, currency_code: str, amounts: Iterable["Money"]) -> "Money":
        """The sum; zero of `currency_code` when there are none."""
        total = cls.zero(currency_code)
        for amount in amounts:
            total += amount
        return total

    def to_decimal_text(self) -> str:
        """The amount with all digits of its currency, for example "12.30"."""
        return decimal_text(self.minor_units, currency_exponent(self.currency_code))

    def split_by_weights(self, weights: Sequence[int]) -> list["Money"]:
        """Shares that add up to this amount; see the function of the same name."""
        return [
            Money(self.currency_code, share)
            for share in split_by_weights(self.minor_units, weights)
        ]

    def __add__(self, other: "Money") -> "Money":
        return Money(self.currency_code, self.minor_units + self._same(other))

    def __sub__(self, other: "Money") -> "Money":
        return Money(self.currency_code, self.minor_units - self._same(other))

    def __neg__(self) -> "Money":
        return Money(self.currency_code, -self.minor_units)

    def __mul__(self, times: int) -> "Money":
        return Money(self.currency_code, self.minor_units * times)

    def __bool__(self) -> bool:
        return self.minor_units != 0

    def __lt__(self, other: "Money") -> bool:
        return self.minor_units < self._same(other)

    def __str__(self) -> str:
        return f"{self.to_decimal_text()} {self.currency_code}"

    def _same(self, other: "Money") -> int:
        if other.currency_code != self.currency_code:
            raise CurrencyMismatch(self.currency_code, other.currency_code)
        return other.minor_units


def split_by_weights(total: int, weights: Sequence[int]) -> list[int]:
    """Shares of `total` proportional to `weights`, adding up to it exactly.

    Largest remainder; equal remainders go to the earlier weight, so that the same input always
    splits the same way. A negative total is split like the positive one. Raises ValueError for
    a negative weight, and when there is something to split but no weight to split it by.
    """
    weight_sum = sum(weights)
    if any(weight < 0 for weight in weights) or (weight_sum == 0 and total != 0):
        raise ValueError(f"cannot split {total} by weights {list(weights)}")
    if weight_sum == 0:
        return [0] * len(weights)
    amount = abs(total)
    shares = [amount * weight // weight_sum for weight in weights]
    by_remainder = sorted(
        range(len(weights)), key=lambda i: (-(amount * weights[i] % weight_sum), i)
    )
    for index in by_remainder[: amount - sum(shares)]:
        shares[index] += 1
    return [-share for share in shares] if total < 0 else shares
