"""Every rpc of the books as a caller sees it: pages, filters, repeats, refusals, explanations."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import grpc
import pytest
from sqlalchemy import text
from tandem.finance.v1 import journal_pb2 as wire
from tandem.finance.v1 import ledger_service_pb2 as ledger
from tandem.finance.v1 import posting_service_pb2 as posting
from tandem_core.ids import Uuid7Factory
from tandem_finance_posting.adapters.rules.rule_files import default_rules
from tandem_finance_posting.domain.rule_proof import filled_facts
from tandem_platform.remote_error import RemoteError

from .books_under_test import Books
from .shop_events import WHOLE_DAY, received
from .test_posting_from_the_bus import tell_a_day

IDS = Uuid7Factory()
NOBODY = IDS.new_id()
SHIPPED = default_rules()
MONEY = {
    rule.event_type: dict(rule.tests[0].facts)
    for rule in SHIPPED.rules
    if not SHIPPED.event_types[rule.event_type].cost
    and rule.tests[0].expect
    and not set(rule.tests[0].facts) & set(SHIPPED.policies)
}
"""Facts of one test of each event type that moves money alone."""


def draft(event_type: str, facts: Any, event_id: str = "e1", **rest: Any) -> Any:
    values = {
        "source_system": "test", "legal_entity": "US01", "original_date": "2026-03-02",
        "currency_code": "USD", "revision": 1, **rest,
    }  # fmt: skip
    facts_json = facts if isinstance(facts, str) else json.dumps(facts)
    return posting.FinanceEventDraft(
        event_type=event_type, event_id=event_id, facts_json=facts_json, **values
    )


def submit(event: Any, request_id: str = "") -> posting.SubmitFinanceEventRequest:
    return posting.SubmitFinanceEventRequest(request_id=request_id or IDS.new_id(), event=event)


def lines(journal: wire.Journal) -> list[tuple[object, ...]]:
    return [
        (x.number, x.role, x.side, x.amount.minor_units, dict(x.dimensions), x.rule_line)
        for x in journal.lines
    ]


async def refusal(call: Any) -> tuple[grpc.StatusCode, str]:
    with pytest.raises(RemoteError) as refused:
        await call
    return refused.value.code, refused.value.reason


async def all_journals(books: Books, **wanted: Any) -> list[wire.Journal]:
    """Two at a time, until there are no more."""
    found: list[wire.Journal] = []
    token = ""
    while True:
        request = ledger.ListJournalsRequest(page_size=2, page_token=token, **wanted)
        page = await books.ledger.ListJournals(request)
        assert len(page.journals) <= 2
        found += page.journals
        token = page.next_page_token
        if not token:
            return found


async def test_journals_are_listed_newest_first_in_pages_each_once(open_books: Books) -> None:
    await tell_a_day(open_books)
    await open_books.become(WHOLE_DAY)
    found = await all_journals(open_books)
    assert Counter(j.event_type for j in found) == WHOLE_DAY
    times = [j.record_time.ToNanoseconds() for j in found]
    assert times == sorted(times, reverse=True)
    of_order = await all_journals(open_books, order_id="o1")
    assert {j.event_type for j in of_order} == {
        "payment.captured", "shipment.confirmed", "deposit.applied", "refund.approved",
        "refund.settled",
    }  # fmt: skip
    (sale,) = await all_journals(open_books, event_type="pos.sale")
    got = await open_books.ledger.GetJournal(ledger.GetJournalRequest(journal_id=sale.id))
    assert got.journal == sale


async def test_every_line_of_a_day_and_of_every_money_rule_is_explained_and_agrees(
    open_books: Books,
) -> None:
    await tell_a_day(open_books)
    await open_books.become(WHOLE_DAY)
    for event_type, facts in MONEY.items():
        event = draft(event_type, whole(event_type, facts), "explained")
        await open_books.posting.SubmitFinanceEvent(submit(event))
    for journal in await all_journals(open_books):
        request = ledger.ExplainJournalRequest(journal_id=journal.id)
        told = await open_books.ledger.ExplainJournal(request)
        assert [line.agrees for line in told.lines] == [True] * len(journal.lines)
        assert [x.evaluated_minor_units for x in told.lines] == [
            x.amount.minor_units or x.functional_amount.minor_units for x in journal.lines
        ]
        for line in told.lines:
            values = json.loads(line.values_json)
            assert values, line.expression
            assert None not in values.values(), "a value the reader cannot check is no explanation"


async def test_one_line_is_explained_by_its_number(open_books: Books) -> None:
    event = draft("payment.captured", {"amount": 5})
    journal_id = (await open_books.posting.SubmitFinanceEvent(submit(event))).journals[0].id
    told = await open_books.ledger.ExplainLine(
        ledger.ExplainLineRequest(journal_id=journal_id, number=2)
    )
    assert (told.rule_id, told.line.role, told.line.expression) == (
        "P03", "CUSTOMER_DEPOSIT", "amount",
    )  # fmt: skip
    assert told.line.agrees
    missing = ledger.ExplainLineRequest(journal_id=journal_id, number=3)
    assert (await refusal(open_books.ledger.ExplainLine(missing)))[1] == "NOT_FOUND"


async def test_an_altered_line_does_not_agree_with_its_rule(open_books: Books) -> None:
    answer = await open_books.posting.SubmitFinanceEvent(
        submit(draft("payment.captured", {"amount": 5}))
    )
    journal_id = answer.journals[0].id
    async with open_books.database.connection() as connection:
        await connection.execute(text("UPDATE journal_line SET amount_minor = 6 WHERE number = 1"))
        await connection.commit()
    told = await open_books.ledger.ExplainJournal(
        ledger.ExplainJournalRequest(journal_id=journal_id)
    )
    assert [line.agrees for line in told.lines] == [False, True]


async def test_the_trial_balance_of_a_day_is_zero_and_is_cut_at_a_date(open_books: Books) -> None:
    await tell_a_day(open_books)
    await open_books.become(WHOLE_DAY)
    told = await open_books.ledger.GetTrialBalance(ledger.GetTrialBalanceRequest())
    assert told.journal_count == sum(WHOLE_DAY.values())
    assert [(d.currency_code, d.minor_units) for d in told.differences] == [("USD", 0)]
    assert sum(b.debit.minor_units - b.credit.minor_units for b in told.balances) == 0
    before = ledger.GetTrialBalanceRequest(as_of_date="2026-03-01")
    assert (await open_books.ledger.GetTrialBalance(before)).journal_count == 0
    other = ledger.GetTrialBalanceRequest(legal_entity="XX")
    assert (await open_books.ledger.GetTrialBalance(other)).journal_count == 0


async def test_finance_events_are_listed_by_state_and_order_in_pages(open_books: Books) -> None:
    await tell_a_day(open_books)
    await open_books.become(WHOLE_DAY)
    seen, token = [], ""
    while True:
        request = ledger.ListFinanceEventsRequest(page_size=3, page_token=token, order_id="o1")
        page = await open_books.ledger.ListFinanceEvents(request)
        seen += [event.event_type for event in page.finance_events]
        if not (token := page.next_page_token):
            break
    newest_first = ["refund.settled", "refund.approved", "shipment.confirmed", "payment.captured"]
    assert seen == newest_first
    held = ledger.ListFinanceEventsRequest(state="STATE_HELD")
    assert list((await open_books.ledger.ListFinanceEvents(held)).finance_events) == []


async def test_what_is_not_there_or_no_date_is_refused_by_name(open_books: Books) -> None:
    books = open_books
    missing = grpc.StatusCode.NOT_FOUND, "NOT_FOUND"
    invalid = grpc.StatusCode.INVALID_ARGUMENT, "VALIDATION_FAILED"
    assert (
        await refusal(books.ledger.GetJournal(ledger.GetJournalRequest(journal_id=NOBODY)))
        == missing
    )
    explain = ledger.ExplainJournalRequest(journal_id=NOBODY)
    assert await refusal(books.ledger.ExplainJournal(explain)) == missing
    no_day = ledger.GetTrialBalanceRequest(as_of_date="2026-02-31")
    assert await refusal(books.ledger.GetTrialBalance(no_day)) == invalid


async def test_simulation_shows_line_by_line_what_posting_writes_and_writes_nothing(
    open_books: Books,
) -> None:
    books = open_books
    made = 0
    for event_type, given in sorted(MONEY.items()):
        order = f"order of {event_type}"
        if event_type in ("order.cancelled", "appeasement.approved"):
            # Nobody is given back more than was paid.
            paid = draft("payment.captured", {"amount": 10_000}, f"for {order}", order_id=order)
            made += len((await books.posting.SubmitFinanceEvent(submit(paid))).journals)
        event = draft(event_type, whole(event_type, given), order_id=order)
        before = await sizes(books)
        shown = await books.posting.SimulatePosting(posting.SimulatePostingRequest(event=event))
        assert await sizes(books) == before
        posted = await books.posting.SubmitFinanceEvent(submit(event))
        assert [lines(j) for j in shown.journals] == [lines(j) for j in posted.journals]
        assert posted.finance_event.state == wire.FinanceEvent.STATE_POSTED
        made += len(posted.journals)
    numbers = "SELECT array_agg(sequence ORDER BY sequence) FROM journal"
    assert await books.rows(numbers) == [(list(range(1, made + 1)),)]


def whole(event_type: str, facts: dict[str, Any]) -> dict[str, Any]:
    """A rule's test facts with what an event must have beside them."""
    return filled_facts(SHIPPED.event_types[event_type], facts)  # type: ignore[return-value]  # a dict


async def sizes(books: Books) -> list[tuple[Any, ...]]:
    tables = ("journal", "journal_line", "finance_event", "event_journal", "order_open_items")
    return await books.rows(" UNION ALL ".join(f"SELECT count(*) FROM {t}" for t in tables))


async def test_a_repeated_submission_is_answered_as_the_first_time(open_books: Books) -> None:
    books = open_books
    request = submit(draft("payment.captured", {"amount": 500}, order_id="o1"))
    first = await books.posting.SubmitFinanceEvent(request)
    assert await books.posting.SubmitFinanceEvent(request) == first
    # Another request for the same event finds what is stored.
    again = await books.posting.SubmitFinanceEvent(submit(request.event))
    assert again == first
    assert await books.journals() == {"payment.captured": 1}


async def test_the_same_request_with_another_body_and_the_same_event_with_other_facts_are_refused(
    open_books: Books,
) -> None:
    books = open_books
    first = submit(draft("payment.captured", {"amount": 500}))
    await books.posting.SubmitFinanceEvent(first)
    changed = submit(draft("payment.captured", {"amount": 501}), first.request_id)
    code, reason = await refusal(books.posting.SubmitFinanceEvent(changed))
    assert (code, reason) == (grpc.StatusCode.INVALID_ARGUMENT, "REQUEST_ID_REUSED")
    conflict = submit(draft("payment.captured", {"amount": 501}))
    assert (await refusal(books.posting.SubmitFinanceEvent(conflict)))[
        1
    ] == "FINANCE_EVENT_CONFLICT"
    assert await books.balances() == {"PSP_CLEARING": 500, "CUSTOMER_DEPOSIT": -500}


WRONG_FACTS = {
    '{"amount": 1.5}': "VALIDATION_FAILED",
    '{"amount": NaN}': "VALIDATION_FAILED",
    '{"amount": 5, "channel": "\\u0000"}': "VALIDATION_FAILED",
    '{"amount": 5, "channel": "\\ud800"}': "VALIDATION_FAILED",
    "[" * 100_000: "VALIDATION_FAILED",
    "[]": "VALIDATION_FAILED",
    '{"amount": "5"}': "FINANCE_FACT_INVALID",
    '{"amount": true}': "FINANCE_FACT_INVALID",
    "{}": "FINANCE_FACT_INVALID",
    '{"amount": 9223372036854775808}': "FINANCE_FACT_INVALID",
}
NO_LISTS = ("[1]", '["x"]', "[null]", '{"a": 1}', "5")


async def test_facts_no_book_can_hold_are_refused_by_submission_and_simulation(
    open_books: Books,
) -> None:
    cases = [(draft("payment.captured", facts), why) for facts, why in WRONG_FACTS.items()]
    cases += [
        (draft("po.received", f'{{"receipts": {items}}}'), "FINANCE_FACT_INVALID")
        for items in NO_LISTS
    ]
    cases.append((draft("payment.captured", {"amount": 5}, revision=101), "VALIDATION_FAILED"))
    for event, reason in cases:
        told = await refusal(open_books.posting.SubmitFinanceEvent(submit(event)))
        assert told[1] == reason, event.facts_json[:50]
        simulate = posting.SimulatePostingRequest(event=event)
        assert (await refusal(open_books.posting.SimulatePosting(simulate)))[1] == reason


async def test_an_event_no_rule_knows_is_refused(open_books: Books) -> None:
    event = draft("moon.landed", {"amount": 5})
    found = await refusal(open_books.posting.SubmitFinanceEvent(submit(event)))
    assert found[1] == "POSTING_RULE_MISSING"


async def test_pages_of_another_question_are_refused(open_books: Books) -> None:
    await open_books.connectors.tell("r1", received())
    await open_books.connectors.tell("r2", received())
    await open_books.become({"po.received": 2})
    page = await open_books.ledger.ListJournals(ledger.ListJournalsRequest(page_size=1))
    other = ledger.ListJournalsRequest(
        page_size=1, page_token=page.next_page_token, order_id="someone"
    )
    assert (await refusal(open_books.ledger.ListJournals(other)))[0] == (
        grpc.StatusCode.INVALID_ARGUMENT
    )


async def test_events_of_a_batch_are_told_one_by_one_and_a_wrong_one_spoils_no_other(
    open_books: Books,
) -> None:
    books = open_books
    events = [
        draft("payment.captured", {"amount": 500}, "c1"),
        draft("payment.captured", {"amount": -1}, "c2"),
        draft("shipment.confirmed", SHIPPED_LINES, "s1", order_id="o1"),
        draft("payment.captured", {"amount": 500}, "c1"),
        draft("payment.captured", {"amount": 501}, "c1"),
    ]
    request = posting.SubmitFinanceEventsRequest(request_id=IDS.new_id(), events=events)
    told = (await books.posting.SubmitFinanceEvents(request)).results
    assert [(r.state, r.hold_gate, r.refusal) for r in told] == [
        (wire.FinanceEvent.STATE_POSTED, "", ""),
        (wire.FinanceEvent.STATE_UNSPECIFIED, "", "FINANCE_FACT_INVALID"),
        (wire.FinanceEvent.STATE_HELD, "G4_COST_MISSING", ""),
        (wire.FinanceEvent.STATE_POSTED, "", ""),
        (wire.FinanceEvent.STATE_UNSPECIFIED, "", "FINANCE_EVENT_CONFLICT"),
    ]
    assert "amount" in told[1].detail
    assert await books.balances() == {"PSP_CLEARING": 500, "CUSTOMER_DEPOSIT": -500}
    held = await books.posting.GetFinanceEvent(
        posting.GetFinanceEventRequest(event_key=told[2].event_key)
    )
    assert held.finance_event.hold_gate == "G4_COST_MISSING"
    unknown = posting.GetFinanceEventRequest(event_key="nobody:knows:it:1")
    assert (await refusal(books.posting.GetFinanceEvent(unknown)))[1] == "NOT_FOUND"
    await books.posting.SubmitFinanceEvent(submit(draft("po.received", COSTS, "r1")))
    release = posting.ReleaseHeldEventsRequest(request_id=IDS.new_id())
    await books.posting.ReleaseHeldEvents(release)
    await books.become({"payment.captured": 1, "po.received": 1, "shipment.confirmed": 1})


SHIPPED_LINES = {"lines": [{"line_ref": "1", "sku": "A", "quantity": 1, "list": 900}]}
COSTS = {"receipts": [{"sku": "A", "quantity": 5, "cost": 500}]}
