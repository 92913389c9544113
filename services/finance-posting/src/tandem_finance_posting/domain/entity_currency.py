"""The currency of an entity's books, for cost: what an event's amount is worth in its pools."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tandem_finance_posting.domain.cost_move import MoveWaits
from tandem_finance_posting.domain.currency_rates import RateTable, converted
from tandem_finance_posting.domain.finance_event import RATE_UNKNOWN, FinanceEvent, Hold
from tandem_finance_posting.domain.rule_catalogue import RuleCatalogue


@dataclass(frozen=True)
class EntityCurrency:
    """Rule sets say the currency of an entity, sealed rates what others are worth in it."""

    catalogues: Mapping[str, RuleCatalogue]
    rates: Mapping[str, RateTable]

    def code(self, event: FinanceEvent) -> str:
        """Currency of the entity's books; the event's own where the rules name none."""
        known = self.catalogues[event.tenant].in_force(event.original_date)
        entity = known.entity(event.legal_entity)
        return (entity.currency_code if entity else "") or event.currency_code

    def worth(self, event: FinanceEvent, amount: int) -> int:
        """An amount of the event in that currency. Raises MoveWaits without a rate (gate G5)."""
        code = self.code(event)
        if code == event.currency_code:
            return amount
        pair = (event.currency_code, code)
        rate = self.rates.get(event.tenant, RateTable()).rate(pair, event.original_date)
        if rate is None:
            detail = f"no rate {pair[0]} to {code} on {event.original_date}"
            raise MoveWaits(Hold(RATE_UNKNOWN, detail))
        return converted(amount, pair, rate)
