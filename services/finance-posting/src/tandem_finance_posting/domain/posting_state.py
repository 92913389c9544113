"""What the events of a batch touch: loaded before, written after, changed only event by event."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date

from tandem_finance_posting.domain.cost_ledger import CostLedger
from tandem_finance_posting.domain.currency_rates import MonetaryItem, RateTable
from tandem_finance_posting.domain.finance_event import PERIOD_UNKNOWN, FinanceEvent, Hold
from tandem_finance_posting.domain.functional_amounts import ItemKey
from tandem_finance_posting.domain.open_items import OpenItems
from tandem_finance_posting.domain.overlay import Overlay
from tandem_finance_posting.domain.period import PeriodCalendar, Placement
from tandem_finance_posting.domain.reversal import Prior
from tandem_finance_posting.domain.rule_catalogue import RuleCatalogue
from tandem_finance_posting.domain.rule_set import RuleSet

EventKey = tuple[str, str]
"""Tenant, event key."""
OrderKey = tuple[str, str]
"""Tenant, order."""
LedgerKey = tuple[str, str, str]
"""Tenant, legal entity, book."""


@dataclass
class PostingState:
    """Starts with what is stored; ``keep`` and ``drop`` end each event."""

    catalogues: Mapping[str, RuleCatalogue]
    """Rule sets by tenant."""
    today: date
    cost: CostLedger = field(default_factory=CostLedger)
    open_items: Overlay[OrderKey, OpenItems] = field(default_factory=Overlay)
    fx_items: Overlay[ItemKey, MonetaryItem] = field(default_factory=Overlay)
    prior: Overlay[EventKey, Prior] = field(default_factory=Overlay)
    calendars: Mapping[LedgerKey, PeriodCalendar] = field(default_factory=dict)
    rates: Mapping[str, RateTable] = field(default_factory=dict)
    """Rates by tenant."""
    _placed: dict[tuple[str, str, str, date, bool], Placement] = field(default_factory=dict)
    """Days answered before: no period changes while the state is held."""

    def rules_of(self, event: FinanceEvent) -> RuleSet:
        """The rule set in force for an event. Raises PostingRuleMissing."""
        return self.catalogues[event.tenant].in_force(event.original_date)

    def rate(self, event: FinanceEvent, from_code: str, to_code: str) -> int | None:
        """Rate of the event's day, in billionths; None when none is sealed."""
        return self.rates.get(event.tenant, RateTable()).rate(
            (from_code, to_code), event.original_date
        )

    def place(self, event: FinanceEvent, ledger: tuple[str, str], day: date) -> Placement | Hold:
        """The day of the books for a day of business in a ledger (entity, book). Raises PeriodShut
        for an approved journal whose period takes none."""
        entity, book = ledger
        asked = (event.tenant, entity, book, day, bool(event.approvals))
        known = self._placed.get(asked)
        if known is not None:
            return known
        calendar = self.calendars.get((event.tenant, entity, book)) or PeriodCalendar()
        if event.approvals:
            # People say the day of their journal: it is not moved behind their backs.
            calendar.check_takes(day, self.today, adjustment=True)
        found = calendar.place(day, self.today, adjustment=bool(event.approvals))
        if found is not None:
            self._placed[asked] = found
        else:
            return Hold(PERIOD_UNKNOWN, f"no open period of {entity} {book} takes {day}")
        return found

    def keep(self) -> None:
        """The event is posted."""
        self.cost.keep()
        self.open_items.keep()
        self.fx_items.keep()
        self.prior.keep()

    def drop(self) -> None:
        """The event changed nothing."""
        self.cost.drop()
        self.open_items.drop()
        self.fx_items.drop()
        self.prior.drop()
