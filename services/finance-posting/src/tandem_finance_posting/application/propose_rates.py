"""Stores currency rates for a second person."""

from __future__ import annotations

from tandem_core.errors import FieldViolation, ValidationFailed

from tandem_finance_posting.application.adjustment_ports import AdjustmentStore
from tandem_finance_posting.domain.adjustment import Adjustment
from tandem_finance_posting.domain.currency_rates import NANO, RATE_NANO_MAX, Pair


async def propose_rates(store: AdjustmentStore, adjustment: Adjustment) -> Adjustment:
    """The stored proposal. Raises ValidationFailed naming the rate."""
    rates_of(adjustment)
    await store.add(adjustment)
    return adjustment


def rates_of(adjustment: Adjustment) -> dict[Pair, int]:
    """Rates in billionths, by pair. Raises ValidationFailed naming the first wrong one."""
    found: dict[Pair, int] = {}
    for place, (source, target, rate) in enumerate(adjustment.document["rates"]):
        field = f"rate_sheet.rates[{place}]"
        nano = rate_nano(rate)
        if source == target or (source, target) in found:
            raise ValidationFailed([FieldViolation(field, "names a pair twice, or no pair")])
        if not 0 < nano <= RATE_NANO_MAX:
            raise ValidationFailed([FieldViolation(f"{field}.rate", "is not above 0 in bounds")])
        found[source, target] = nano
    return found


def rate_nano(rate: str) -> int:
    """Decimal text in billionths: exact, without a float."""
    whole, _, fraction = rate.partition(".")
    return int(whole) * NANO + int(fraction.ljust(9, "0"))
