"""An order as placed. Amounts are minor units of the draft's one currency."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from tandem_core.errors import FieldViolation, ValidationFailed


@dataclass(frozen=True)
class ExternalRef:
    """Name of one of our objects in a system outside."""

    system: str
    type: str
    id: str


@dataclass(frozen=True)
class Tax:
    """One tax as the channel or tax engine computed it; ``seller_collects`` False when the
    marketplace remits it."""

    jurisdiction: str
    amount: int
    seller_collects: bool = True


@dataclass(frozen=True)
class ShipTo:
    """Delivery address; personal."""

    recipient: str = ""
    street_lines: tuple[str, ...] = ()
    city: str = ""
    region: str = ""
    postal_code: str = ""
    country_code: str = ""


@dataclass(frozen=True)
class DraftLine:
    """One line: quantity in the SKU's minor unit, values of the whole line net of tax."""

    line_ref: str
    sku: str
    quantity: int
    list_amount: int
    discount_amount: int = 0
    funded_discount_amount: int = 0
    taxes: tuple[Tax, ...] = ()

    @property
    def charged(self) -> int:
        """What the customer owes for the line, tax included."""
        net = self.list_amount - self.discount_amount - self.funded_discount_amount
        return net + sum(tax.amount for tax in self.taxes)


@dataclass(frozen=True)
class OrderDraft:
    """An order as placed."""

    external_ref: ExternalRef
    channel: str
    currency_code: str
    placed_at: datetime
    lines: tuple[DraftLine, ...]
    payment_method: str
    shipping_amount: int = 0
    shipping_taxes: tuple[Tax, ...] = ()
    stated_total: int | None = None
    ship_to: ShipTo = field(default_factory=ShipTo)
    display_name: str = ""

    @property
    def shipping_charged(self) -> int:
        """Shipping with its tax."""
        return self.shipping_amount + sum(tax.amount for tax in self.shipping_taxes)

    @property
    def total(self) -> int:
        """What the customer owes by our own arithmetic, whatever the channel states."""
        return sum(line.charged for line in self.lines) + self.shipping_charged


def check_draft(draft: OrderDraft) -> None:
    """Raises ValidationFailed naming every field that cannot be, all at once."""
    violations = [*_repeated_refs(draft), *_amounts(draft)]
    if draft.total < 0:
        violations.append(FieldViolation("order", "the total is negative", "order.total"))
    if violations:
        raise ValidationFailed(violations)


def _repeated_refs(draft: OrderDraft) -> Iterable[FieldViolation]:
    seen: set[str] = set()
    for index, line in enumerate(draft.lines):
        if line.line_ref in seen:
            name = f"order.lines[{index}].line_ref"
            yield FieldViolation(name, "is used by an earlier line", "order.line_ref.unique")
        seen.add(line.line_ref)


def _amounts(draft: OrderDraft) -> Iterable[FieldViolation]:
    for index, line in enumerate(draft.lines):
        at = f"order.lines[{index}]"
        for name in ("list_amount", "discount_amount", "funded_discount_amount"):
            if getattr(line, name) < 0:
                yield FieldViolation(f"{at}.{name}", "is negative", "order.amount.sign")
        if line.discount_amount + line.funded_discount_amount > line.list_amount:
            yield FieldViolation(
                f"{at}.discount_amount", "exceeds the list value", "order.discount"
            )
        if any(tax.amount < 0 for tax in line.taxes):
            yield FieldViolation(f"{at}.taxes", "is negative", "order.amount.sign")
    if draft.shipping_amount < 0:
        yield FieldViolation("order.shipping_amount", "is negative", "order.amount.sign")
