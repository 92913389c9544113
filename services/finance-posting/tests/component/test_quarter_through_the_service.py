"""The quarter of `unit/life_cycle.py` told to the service as it runs: goods, money, what waits.

Goal: facts alone move cost, through the rpc, into the rows, and out of what was held. Method: the
story is submitted in an order of its own, part of it before the goods it needs, and the rows of the
books are compared with the same story in memory.
"""

from __future__ import annotations

import json

from tandem.finance.v1 import posting_service_pb2 as posting
from tandem_core.ids import Uuid7Factory
from tandem_finance_posting.domain.finance_event import FinanceEvent
from tandem_testing.eventually import eventually

from ..unit.delivery import Ledger
from ..unit.life_cycle import life_cycle, shipped
from .books_under_test import Books

IDS = Uuid7Factory()
PARTNER = "O9"
RELEASED = "SELECT count(*) FROM event_journal WHERE type LIKE '%FinanceEventReleased'"
STATES = "SELECT state, count(*) FROM finance_event WHERE state = 'HELD' GROUP BY 1"


def request(event: FinanceEvent) -> posting.SubmitFinanceEventRequest:
    draft = posting.FinanceEventDraft(
        source_system=event.source_system, event_type=event.type, event_id=event.id,
        legal_entity=event.legal_entity, original_date=event.original_date.isoformat(),
        currency_code=event.currency_code, facts_json=json.dumps(event.facts),
        order_id=event.order_id, revision=1,
    )  # fmt: skip
    return posting.SubmitFinanceEventRequest(request_id=IDS.new_id(), event=draft)


async def test_the_quarter_ends_in_the_rows_as_it_does_in_memory(open_books: Books) -> None:
    events = [event for event in life_cycle() if event.order_id != PARTNER]
    goods = [event for event in events if shipped().event_type(event.type).cost]
    money = [event for event in events if event not in goods]
    # The last receipt comes last: what leaves of it waits, and everything behind that.
    arrivals = [event for event in goods if event.type == "po.received"]
    late = [event for event in goods if event is not arrivals[1]]
    for event in [*money, *late, arrivals[1]]:
        await open_books.posting.SubmitFinanceEvent(request(event))
    await eventually(lambda: open_books.rows(STATES), [], wait_s=30.0)
    ((released,),) = await open_books.rows(RELEASED)
    assert released > 15, "too little waited to show anything"
    memory = Ledger.empty(shipped())
    memory.deliver([*late, arrivals[1], *money])
    assert await open_books.balances() == memory.balances()
    pools = "SELECT sum(value_minor) FROM cost_pool"
    ((worth,),) = await open_books.rows(pools)
    assert worth == memory.balances()["INVENTORY"]
    assert await open_books.rows("SELECT count(*) FROM cost_hold") == [(0,)]
