"""Currency rates as whole numbers, and the open items that keep the rate they were booked at."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta

from tandem_core.money import currency_exponent

NANO = 10**9
RATE_NANO_MAX = 10**15
"""A million units of one currency for one of another."""
RATE_AGE_DAYS_MAX = 5
"""A rate is good for its day and a long weekend; an older one is not known any more."""

Pair = tuple[str, str]
"""From and to, ISO 4217."""


@dataclass(frozen=True)
class RateTable:
    """Sealed rates by pair and day, in billionths of the target's major unit per major unit."""

    rates: Mapping[Pair, Mapping[date, int]] = field(default_factory=dict)

    def rate(self, pair: Pair, day: date) -> int | None:
        """The rate of the day, or of the last day before it that has one; None for none."""
        of_pair = self.rates.get(pair, {})
        for back in range(RATE_AGE_DAYS_MAX + 1):
            found = of_pair.get(day - timedelta(days=back))
            if found is not None:
                return found
        return None


def converted(amount: int, pair: Pair, rate_nano: int) -> int:
    """Minor units of one currency in minor units of the other, half away from zero (R1)."""
    from_units, to_units = (10 ** currency_exponent(code) for code in pair)
    numerator, denominator = abs(amount) * rate_nano * to_units, NANO * from_units
    value = int((2 * numerator + denominator) // (2 * denominator))
    return value if amount >= 0 else -value


@dataclass(frozen=True)
class MonetaryItem:
    """An open item in foreign currency: its amount and what it is carried at, debit positive."""

    amount: int = 0
    functional: int = 0

    def booked(self, amount: int, functional: int) -> tuple[MonetaryItem, int]:
        """The item after ``amount`` (worth ``functional`` today), and what the line is booked at.

        What closes the item leaves at the item's own rate, the last unit with all that is left;
        what goes beyond it, or adds to it, counts at today's. So a settled item is nil in both
        currencies and the difference of rates is exactly what the line lacks.
        """
        if self.amount * amount >= 0:
            return MonetaryItem(self.amount + amount, self.functional + functional), functional
        closing = min(abs(amount), abs(self.amount))
        carried = _share(self.functional, closing, abs(self.amount))
        opened = functional - _share(functional, closing, abs(amount))
        booked = opened - carried
        return MonetaryItem(self.amount + amount, self.functional + booked), booked


def _share(value: int, part: int, whole: int) -> int:
    """value x part / whole, half away from zero; exactly value when part is the whole."""
    share = (2 * abs(value) * part + whole) // (2 * whole)
    return share if value >= 0 else -share
