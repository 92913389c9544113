"""Lines of a foreign transaction in the currency of the entity's books.

Each line is converted at the rate of the event's day. What closes an open item leaves at the rate
the item is carried at, and the difference is FX_REALISED; a refund takes back what was booked at
the order's own rate. What single conversions round away goes to ROUNDING within the rule's cap.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from tandem_finance_posting.domain.currency_rates import MonetaryItem, converted
from tandem_finance_posting.domain.errors import RateMissing, RoundingExcess
from tandem_finance_posting.domain.expression import Facts
from tandem_finance_posting.domain.finance_event import FinanceEvent
from tandem_finance_posting.domain.journal import ROUNDING, JournalLine
from tandem_finance_posting.domain.overlay import Overlay
from tandem_finance_posting.domain.posting_rule import PostingRule, Side
from tandem_finance_posting.domain.rule_set import RuleSet

REALISED = "FX_REALISED"

ItemKey = tuple[str, str, str, str, str, str]
"""Tenant, entity, book, role, currency, item."""


@dataclass(frozen=True)
class ForeignLedger:
    """What conversion needs: where it posts, the rates, the items it touches."""

    event: FinanceEvent
    entity: str
    book: str
    currency_code: str
    """Of the entity's books."""
    rate: Callable[[str], int | None]
    """Rate of the event's day from a currency into the books' one."""
    order_rate: int
    """Rate of the order's first entry; 0 when it has none."""
    items: Overlay[ItemKey, MonetaryItem]

    def in_books(
        self, lines: tuple[JournalLine, ...], rule: PostingRule, rules: RuleSet, facts: Facts
    ) -> tuple[JournalLine, ...]:
        """The lines with functional amounts, and what differences of rates and rounding add.

        Raises RateMissing, RoundingExcess.
        """
        of_rule = {line.id: line for line in rule.lines}
        booked, realised, rounded = [], 0, 0
        for line in lines:
            worth = self._worth(line, of_rule[line.rule_line].order_rate)
            found = worth
            item = rules.roles[line.role].item
            if item is not None and self._foreign(line) and line.amount:
                found = self._book_item(line, worth, str(facts.get(item, "")))
            realised += worth - found
            rounded -= worth
            booked.append(replace(line, functional=abs(found)))
        return (*booked, *self._differences(booked, realised, rounded, rule))

    def _code(self, line: JournalLine) -> str:
        return line.currency_code or self.event.currency_code

    def _foreign(self, line: JournalLine) -> bool:
        return self._code(line) != self.currency_code

    def _worth(self, line: JournalLine, order_rate: bool) -> int:
        """Signed functional amount at the day's or the order's rate."""
        if not self._foreign(line) or not line.amount:
            return line.functional * line.side.sign
        code = self._code(line)
        rate = (self.order_rate if order_rate else 0) or self.rate(code)
        if rate is None:
            day = self.event.original_date.isoformat()
            raise RateMissing(code, self.currency_code, day)
        return converted(line.amount, (code, self.currency_code), rate) * line.side.sign

    def _book_item(self, line: JournalLine, worth: int, item: str) -> int:
        tenant = self.event.tenant
        key = (tenant, self.entity, self.book, line.role, self._code(line), item)
        before = self.items.get(key, MonetaryItem())
        self.items[key], found = before.booked(line.amount * line.side.sign, worth)
        return found

    def _differences(
        self, booked: list[JournalLine], realised: int, rounded: int, rule: PostingRule
    ) -> list[JournalLine]:
        cap = min(rule.rounding.total, rule.rounding.per_source_line * len(booked))
        if abs(rounded) > cap:
            raise RoundingExcess(rule.id, rounded, cap)
        found = []
        for role, amount in ((REALISED, realised), (ROUNDING, rounded)):
            if amount:
                side = Side.DEBIT if amount > 0 else Side.CREDIT
                found.append(JournalLine(role, side, 0, {}, role.lower(), abs(amount)))
        return found
