"""Brings a line's amounts into the canonical form: net of tax, list value before discounts."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from tandem_core.money import Money, split_by_weights

from tandem_connector_sdk.models import TaxLine


@dataclass(frozen=True, slots=True)
class LineAmounts:
    """List value and discount as the source writes them (not negative), and the line's taxes."""

    list_amount: Money
    discount_amount: Money
    taxes: tuple[TaxLine, ...]

    @property
    def paid(self) -> Money:
        """List value less discount, as the source writes it."""
        return self.list_amount - self.discount_amount


def without_tax(amounts: LineAmounts) -> LineAmounts:
    """The same line net of tax, when the source's prices include it.

    What the customer pays and every tax stay as stated; only the split of the tax between list
    value and discount is computed, half up, in proportion.
    """
    tax = sum(line.amount.minor_units for line in amounts.taxes)
    paid, listed = amounts.paid.minor_units, amounts.list_amount.minor_units
    tax_on_list = (2 * tax * listed + paid) // (2 * paid) if paid else tax
    code = amounts.list_amount.currency_code
    return LineAmounts(
        Money(code, listed - tax_on_list),
        Money(code, amounts.discount_amount.minor_units - (tax_on_list - tax)),
        amounts.taxes,
    )


def spread_taxes(lines: Sequence[LineAmounts], taxes: Sequence[TaxLine]) -> list[LineAmounts]:
    """Gives taxes stated for the whole document to its lines, by what each line costs."""
    weights = [max(line.paid.minor_units, 0) for line in lines]
    weights = weights if any(weights) else [1] * len(lines)
    shares: list[list[TaxLine]] = [[] for _ in lines]
    for tax in taxes:
        parts = split_by_weights(tax.amount.minor_units, weights)
        for mine, part in zip(shares, parts, strict=True):
            if part:
                mine.append(replace(tax, amount=Money(tax.amount.currency_code, part)))
    return [
        replace(line, taxes=line.taxes + tuple(mine))
        for line, mine in zip(lines, shares, strict=True)
    ]
