"""Estimates as formulas: what should be in the books by now, from figures of a cohort.

Each target is cumulative and rounded once (R1); what is posted is only the difference to what was
posted before (RV4), so a run repeated or left out changes nothing in the end.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from tandem_core.money import split_by_weights

from tandem_finance_posting.domain.errors import EstimateInvalid

PPM = 1_000_000
"""Rates are whole parts of a million."""
AMOUNT_MINOR_MAX = 10**15


class EstimateKind(StrEnum):
    """What is estimated."""

    RETURN_RESERVE = "RETURN_RESERVE"
    BREAKAGE = "BREAKAGE"
    LOYALTY = "LOYALTY"


@dataclass(frozen=True)
class Target:
    """What should be posted by now, in minor units. ``asset`` is of the return reserve alone."""

    liability: int = 0
    asset: int = 0

    def less(self, posted: Target) -> Target:
        """What is to be posted now."""
        return Target(self.liability - posted.liability, self.asset - posted.asset)


NOTHING = Target()


@dataclass(frozen=True)
class ReturnCohort:
    """Sales that may still come back: of a class of goods, a channel, a week of sales."""

    sold_revenue: int
    sold_cost: int
    rate_ppm: int
    """Share expected to come back."""
    returned_revenue: int = 0
    returned_cost: int = 0
    loss_ppm: int = 0
    """Share of the cost that is lost on what comes back: fetching it, and its loss of value."""
    window_over: bool = False
    """True when nothing of it can come back any more."""

    def checked(self, path: str) -> None:
        """Raises EstimateInvalid naming the figure."""
        _amounts(self, path, "sold_revenue", "sold_cost", "returned_revenue", "returned_cost")
        _shares(self, path, "rate_ppm", "loss_ppm")

    def target(self) -> Target:
        """Refunds still expected, and the worth of the goods still expected with them (P29)."""
        if self.window_over:
            return Target()
        revenue = max(0, share(self.sold_revenue, self.rate_ppm, PPM) - self.returned_revenue)
        cost = max(0, share(self.sold_cost, self.rate_ppm, PPM) - self.returned_cost)
        return Target(revenue, share(cost, PPM - self.loss_ppm, PPM))


@dataclass(frozen=True)
class GiftCardCohort:
    """Cards sold together."""

    face: int
    expected_breakage: int
    """Of the face, what is expected never to be redeemed."""
    redeemed: int = 0
    entitled: bool = True
    """False where the law gives what is left to the state: then none of it is ever income."""

    def checked(self, path: str) -> None:
        """Raises EstimateInvalid naming the figure."""
        _amounts(self, path, "face", "expected_breakage", "redeemed")
        if self.expected_breakage > self.face:
            raise EstimateInvalid(f"{path}.expected_breakage", "is above what was sold")
        if self.redeemed > self.face:
            raise EstimateInvalid(f"{path}.redeemed", "is above what was sold")

    def target(self) -> Target:
        """Income so far: in proportion to what was redeemed of what will be (P11).

        Never above what is expected, and never above what is left of the cards: customers may
        redeem more than anybody expected.
        """
        to_redeem = self.face - self.expected_breakage
        if not self.entitled or not self.redeemed or not self.expected_breakage:
            return Target()
        left = self.face - self.redeemed
        if not to_redeem:
            return Target(min(self.expected_breakage, left))
        proportion = share(self.expected_breakage, self.redeemed, to_redeem)
        return Target(min(self.expected_breakage, left, proportion))


@dataclass(frozen=True)
class LoyaltyCohort:
    """Points of a programme that give a material right."""

    allocated: int
    """Part of the price that was put off for the points."""
    expected_points: int
    """Points expected to be redeemed."""
    redeemed_points: int = 0
    expired: bool = False
    """True when no point can be redeemed any more."""

    def checked(self, path: str) -> None:
        """Raises EstimateInvalid naming the figure."""
        _amounts(self, path, "allocated", "expected_points", "redeemed_points")
        if self.allocated and not self.expected_points:
            raise EstimateInvalid(f"{path}.expected_points", "is 0, yet a price was put off")

    def target(self) -> Target:
        """Revenue so far: in proportion to the points redeemed, caught up at once when the
        expectation changes (P48)."""
        if self.expired:
            return Target(self.allocated)
        if not self.allocated:
            return Target()
        earned = share(self.allocated, self.redeemed_points, self.expected_points)
        return Target(min(self.allocated, earned))


Cohort = ReturnCohort | GiftCardCohort | LoyaltyCohort
COHORTS: dict[EstimateKind, type[Cohort]] = {
    EstimateKind.RETURN_RESERVE: ReturnCohort,
    EstimateKind.BREAKAGE: GiftCardCohort,
    EstimateKind.LOYALTY: LoyaltyCohort,
}


def share(amount: int, part: int, whole: int) -> int:
    """amount x part / whole, half away from zero; neither is negative, whole is positive."""
    return (2 * amount * part + whole) // (2 * whole)


def allocate_price(
    price: int, standalone: Sequence[int], bundle: Sequence[int] = (), bundle_price: int = 0
) -> list[int]:
    """A price over what was sold for it, by stand-alone prices, largest remainder.

    ``bundle`` are places of things regularly sold together for ``bundle_price``: then their
    discount is theirs alone. Raises EstimateInvalid when the rest does not add up.
    """
    if not bundle:
        return split_by_weights(price, list(standalone))
    inside = split_by_weights(bundle_price, [standalone[place] for place in bundle])
    outside = [place for place in range(len(standalone)) if place not in bundle]
    if price < bundle_price:
        raise EstimateInvalid("bundle_price", "is above the whole price")
    rest = split_by_weights(price - bundle_price, [standalone[place] for place in outside])
    found = dict(zip([*bundle, *outside], [*inside, *rest], strict=True))
    return [found[place] for place in range(len(standalone))]


def _amounts(cohort: Cohort, path: str, *names: str) -> None:
    for name in names:
        value = getattr(cohort, name)
        if type(value) is not int or not 0 <= value <= AMOUNT_MINOR_MAX:
            raise EstimateInvalid(f"{path}.{name}", "is not between 0 and 10^15")


def _shares(cohort: Cohort, path: str, *names: str) -> None:
    for name in names:
        value = getattr(cohort, name)
        if type(value) is not int or not 0 <= value <= PPM:
            raise EstimateInvalid(f"{path}.{name}", "is not between 0 and 1,000,000")
