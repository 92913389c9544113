"""Shares of a line's amounts for some of its units, exact over any number of parts.

The share of units ``done+1 .. done+q`` is the cumulative share up to ``done+q`` less the one up to
``done``, so the parts always add up to the whole, whatever the split (rounding rules R2 and R5 of
the posting design).
"""

from __future__ import annotations

from tandem_order_orchestrator.domain.draft import DraftLine, Tax


def cumulative_share(total: int, units: int, of_units: int) -> int:
    """``total * units / of_units``, half away from zero; ``total`` is not negative."""
    return (2 * total * units + of_units) // (2 * of_units)


def share(total: int, done: int, quantity: int, of_units: int) -> int:
    """The part of ``total`` that falls on ``quantity`` units after ``done`` of ``of_units``."""
    after = cumulative_share(total, done + quantity, of_units)
    return after - cumulative_share(total, done, of_units)


def tax_shares(taxes: tuple[Tax, ...], done: int, quantity: int, of_units: int) -> tuple[Tax, ...]:
    """Each tax's part for those units."""
    return tuple(
        Tax(tax.jurisdiction, share(tax.amount, done, quantity, of_units), tax.seller_collects)
        for tax in taxes
    )


def line_share(line: DraftLine, done: int, quantity: int) -> DraftLine:
    """The line as if only those units had been ordered: the exact share of every amount."""
    of_units = line.quantity
    return DraftLine(
        line_ref=line.line_ref,
        sku=line.sku,
        quantity=quantity,
        list_amount=share(line.list_amount, done, quantity, of_units),
        discount_amount=share(line.discount_amount, done, quantity, of_units),
        funded_discount_amount=share(line.funded_discount_amount, done, quantity, of_units),
        taxes=tax_shares(line.taxes, done, quantity, of_units),
    )
