"""Deliveries over NATS: twice, out of order, missing, unreadable; the books come out the same.

Goal: what arrives on the bus, however it arrives, is posted once. Method: the whole service in the
test's loop, real Postgres and NATS, sources whose bus the test holds. Left out: kills, which
`test_kills_of_the_process.py` covers.
"""

from __future__ import annotations

import json

from tandem.finance.v1 import ledger_service_pb2 as ledger
from tandem.ops.v1 import operations_service_pb2 as ops
from tandem.order.v1.order_draft_pb2 import TaxLine
from tandem_core.ids import Uuid7Factory
from tandem_testing.eventually import eventually

from .books_under_test import Books
from .shop_events import WHOLE_DAY, cancelled, captured, received, refunded, returned, shipped, sold

UNKNOWN_COLLECTOR = 7


async def tell_a_day(books: Books) -> None:
    await books.connectors.tell("r1", received())
    await books.become({"po.received": 1})
    await books.orders.tell("o1", captured("o1"), shipped("o1"), returned("o1"), refunded("o1"))
    await books.orders.tell("s1", sold("s1"))
    await books.orders.tell("o2", captured("o2", 1_000), cancelled("o2"))


async def test_a_day_is_posted_and_its_clearing_roles_are_empty(open_books: Books) -> None:
    await tell_a_day(open_books)
    await open_books.become(WHOLE_DAY)
    balances = await open_books.balances()
    # 10 units for 5,000: 2 shipped, 1 of them back into stock, 1 sold.
    assert balances["INVENTORY"] == 5_000 - 1_000 + 500 - 500
    assert balances["COGS"] == 1_000 - 500 + 500
    assert not {"AR_ORDER", "INV_RETURNS_HOLD"} & set(balances)
    assert sum(balances.values()) == 0


async def test_everything_delivered_three_times_is_posted_once(open_books: Books) -> None:
    receipt = await open_books.connectors.tell("r1", received())
    events = await open_books.orders.tell("o1", captured("o1"), shipped("o1"))
    await open_books.connectors.publish(receipt * 2)
    await open_books.orders.publish(events * 2)
    last = await open_books.orders.tell("o1", refunded("o1"))
    await open_books.orders.publish(last)
    await open_books.become(
        {"po.received": 1, "payment.captured": 1, "shipment.confirmed": 1, "deposit.applied": 1,
         "refund.settled": 1}
    )  # fmt: skip
    assert await open_books.dead_letters() == []


async def test_reversed_deliveries_of_an_order_are_posted_in_its_own_order(
    open_books: Books,
) -> None:
    await open_books.connectors.tell("r1", received())
    events = await open_books.orders.record(
        "o1", captured("o1"), shipped("o1"), returned("o1"), refunded("o1")
    )
    await open_books.orders.publish(events[::-1])
    expected = {"payment.captured": 1, "shipment.confirmed": 1, "deposit.applied": 1}
    await open_books.become(
        {**expected, "po.received": 1, "refund.approved": 1, "refund.settled": 1}
    )


async def test_an_event_the_bus_lost_is_fetched_from_the_journal_of_its_service(
    open_books: Books,
) -> None:
    await open_books.connectors.tell("r1", received())
    await open_books.orders.record("o1", captured("o1"))
    await open_books.orders.tell("o1", shipped("o1"))
    await open_books.become(
        {"po.received": 1, "payment.captured": 1, "shipment.confirmed": 1, "deposit.applied": 1}
    )


async def test_a_held_shipment_is_released_when_its_goods_are_received(open_books: Books) -> None:
    await open_books.orders.tell("o1", shipped("o1"), captured("o1"), returned("o1"))

    async def held() -> list[tuple[str, str]]:
        request = ledger.ListFinanceEventsRequest(state="STATE_HELD")
        found = await open_books.ledger.ListFinanceEvents(request)
        return sorted((e.event_type, e.hold_gate) for e in found.finance_events)

    waits = [
        ("refund.approved", "G7_PREDECESSOR_MISSING"),
        ("shipment.confirmed", "G4_COST_MISSING"),
    ]
    await eventually(held, waits)
    # Money does not wait for goods.
    assert await open_books.journals() == {"payment.captured": 1}
    await open_books.connectors.tell("r1", received())
    await open_books.become(
        {"po.received": 1, "payment.captured": 1, "shipment.confirmed": 1, "deposit.applied": 1,
         "refund.approved": 1}
    )  # fmt: skip
    assert await held() == []


async def test_an_unknown_enum_parks_its_order_only_and_goes_on_when_repaired(
    open_books: Books,
) -> None:
    await open_books.connectors.tell("r1", received())
    await open_books.orders.tell(
        "o1", captured("o1"), shipped("o1", collector=UNKNOWN_COLLECTOR), refunded("o1")
    )
    await open_books.orders.tell("o2", captured("o2"))
    await open_books.become({"po.received": 1, "payment.captured": 2})
    await eventually(open_books.dead_letters, [("UNSUPPORTED_ENUM", "o1")])
    await requeue_repaired(open_books)
    await open_books.become(
        {"po.received": 1, "payment.captured": 2, "shipment.confirmed": 1, "deposit.applied": 1,
         "refund.settled": 1}
    )  # fmt: skip
    assert await open_books.dead_letters() == []


async def requeue_repaired(books: Books) -> None:
    """What a person does: reads the payload, names a collector we know, sends it again."""
    listed = await books.operations.ListDeadLetters(ops.ListDeadLettersRequest())
    (letter,) = listed.dead_letters
    asked = ops.GetDeadLetterRequest(dead_letter_id=letter.id)
    shown = (await books.operations.GetDeadLetter(asked)).dead_letter
    payload = json.loads(shown.payload_json)
    tax = payload["lines"][0]["taxes"][0]
    assert tax["collector"] == UNKNOWN_COLLECTOR
    tax["collector"] = TaxLine.Collector.Name(TaxLine.COLLECTOR_SELLER)
    await books.operations.RequeueDeadLetter(
        ops.RequeueDeadLetterRequest(
            request_id=Uuid7Factory().new_id(),
            dead_letter_id=letter.id,
            repaired_payload_json=json.dumps(payload),
            note="the marketplace calls us the seller",
        )
    )


async def test_what_happened_while_the_service_was_away_is_posted_at_its_start(
    books: Books,
) -> None:
    await books.connectors.tell("r1", received())
    await books.orders.tell("o1", captured("o1"), shipped("o1"))
    assert await books.journals() == {}
    async with books.running():
        await books.become(
            {"po.received": 1, "payment.captured": 1, "shipment.confirmed": 1,
             "deposit.applied": 1}
        )  # fmt: skip
