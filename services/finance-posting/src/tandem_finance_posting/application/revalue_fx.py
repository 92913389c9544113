"""Books what open items are worth at the day's rate, and takes it back the day after."""

from __future__ import annotations

from datetime import date

from tandem_core.errors import DomainError

from tandem_finance_posting.application.adjustment_ports import AdjustmentStore
from tandem_finance_posting.application.ports import EventOutcome
from tandem_finance_posting.application.post_finance_events import post_finance_events
from tandem_finance_posting.application.rule_ports import Actor
from tandem_finance_posting.domain.adjusting_events import revaluation
from tandem_finance_posting.domain.currency_rates import MonetaryItem, RateTable, converted
from tandem_finance_posting.domain.errors import RateMissing

NOT_MONETARY = ("CUSTOMER_DEPOSIT",)
"""Owed in goods, not in money: it keeps the rate it came at."""


async def revalue_fx(
    store: AdjustmentStore, entity: str, day: date, by: Actor
) -> list[EventOutcome]:
    """What was posted; nothing when no item is open or the day was done before. Raises RateMissing
    and what posting raises."""
    known = (await store.rules(day)).entity(entity)
    code = known.currency_code if known else ""
    items = await store.open_items(entity) if code else {}
    rates = await store.rates({currency for _, currency in items}, day)
    deltas = [
        {"role": role, "currency": currency, "delta": delta}
        for (role, currency), item in sorted(items.items())
        if role not in NOT_MONETARY
        for delta in [_difference(item, (currency, code), rates, day)]
        if delta
    ]
    if not deltas:
        return []
    events = revaluation(by.tenant, (entity, code, day), deltas)
    results = await post_finance_events(store.posting, events, by.now)
    for result in results:
        if isinstance(result, DomainError):
            raise result
    return [result for result in results if isinstance(result, EventOutcome)]


def _difference(item: MonetaryItem, pair: tuple[str, str], rates: RateTable, day: date) -> int:
    rate = rates.rate(pair, day)
    if rate is None:
        raise RateMissing(pair[0], pair[1], day.isoformat())
    return converted(item.amount, pair, rate) - item.functional
