"""Two people of the finance department, and what every test of theirs asks."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from tandem.finance.v1 import adjustment_pb2 as wire
from tandem.finance.v1 import adjustment_service_pb2 as api
from tandem.finance.v1 import rate_service_pb2 as rates
from tandem.finance.v1.adjustment_service_pb2_grpc import AdjustmentServiceStub
from tandem.finance.v1.rate_service_pb2_grpc import RateServiceStub
from tandem.finance.v1.rule_service_pb2_grpc import RuleServiceStub
from tandem_core.ids import Uuid7Factory

from .books_under_test import Books

IDS = Uuid7Factory()
MAKER, CHECKER = "a.kim", "r.osei"


@dataclass(frozen=True)
class Person:
    """What one of them can do."""

    adjustments: AdjustmentServiceStub
    rates: RateServiceStub
    rules: RuleServiceStub


@asynccontextmanager
async def person(books: Books, name: str) -> AsyncIterator[Person]:
    """Calls as ``name``."""
    async with books.service.channel(name) as channel:
        yield Person(
            AdjustmentServiceStub(channel), RateServiceStub(channel), RuleServiceStub(channel)
        )


def manual(
    debit: str = "SHRINK", credit: str = "CASH_OVER_SHORT", amount: int = 500, **rest: Any
) -> wire.ManualJournal:
    """A journal of two lines."""
    values = {
        "legal_entity": "US01", "original_date": "2026-03-02", "currency_code": "USD", **rest
    }  # fmt: skip
    return wire.ManualJournal(
        debits=[wire.ManualLine(role=debit, amount_minor=amount)],
        credits=[wire.ManualLine(role=credit, amount_minor=rest.get("other", amount))],
        **{name: x for name, x in values.items() if name != "other"},
    )


def propose(journal: wire.ManualJournal) -> api.ProposeManualJournalRequest:
    """A proposal of it."""
    return api.ProposeManualJournalRequest(
        request_id=IDS.new_id(), manual_journal=journal, reason="a count was wrong"
    )


def asked(request: Callable[..., Any], adjustment: wire.Adjustment, **rest: Any) -> Any:
    """A request about an adjustment."""
    return request(request_id=IDS.new_id(), adjustment_id=adjustment.id, **rest)


async def seal(
    maker: Person, checker: Person, day: str, *pairs: tuple[str, str, str]
) -> wire.Adjustment:
    """Rates proposed by one and approved by the other."""
    sheet = wire.RateSheet(
        rate_date=day,
        rates=[wire.CurrencyRate(from_currency=f, to_currency=t, rate=r) for f, t, r in pairs],
    )
    request = rates.ProposeRatesRequest(request_id=IDS.new_id(), rate_sheet=sheet, reason="ECB")
    proposed = (await maker.rates.ProposeRates(request)).adjustment
    return (await checker.rates.ApproveRates(asked(rates.ApproveRatesRequest, proposed))).adjustment
