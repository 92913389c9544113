"""What people change in the books: two of them for each journal, every reversal once."""

from __future__ import annotations

from typing import Any

import grpc
import pytest
from tandem.finance.v1 import adjustment_pb2 as wire
from tandem.finance.v1 import adjustment_service_pb2 as api
from tandem.finance.v1 import period_service_pb2 as period_api
from tandem.finance.v1.journal_pb2 import FinanceEvent
from tandem.finance.v1.period_service_pb2_grpc import PeriodServiceStub

from .books_under_test import Books
from .people import CHECKER, IDS, MAKER, Person, asked, manual, propose
from .test_rpcs_of_the_books import draft, refusal, submit

LINE = {"line_ref": "1", "sku": "A", "quantity": 2, "list": 10_000}
SHIPMENT = {"lines": [LINE], "taxes": [{"amount": 800}]}
RECEIPT = {"receipts": [{"sku": "A", "quantity": 10, "cost": 5_000}]}


async def post(books: Books, event_type: str, facts: Any, event_id: str, **rest: Any) -> Any:
    return await books.posting.SubmitFinanceEvent(
        submit(draft(event_type, facts, event_id, **rest))
    )


async def a_paid_and_shipped_order(books: Books) -> str:
    """The id of the shipment's journal."""
    await post(books, "po.received", RECEIPT, "r1")
    await post(books, "payment.captured", {"amount": 10_800}, "c1", order_id="o1")
    shipped = await post(books, "shipment.confirmed", SHIPMENT, "s1", order_id="o1")
    return str(shipped.journals[0].id)


def reverse(journal_id: str) -> api.ReverseJournalRequest:
    return api.ReverseJournalRequest(
        request_id=IDS.new_id(), journal_id=journal_id, reason="never left"
    )


async def test_a_manual_journal_is_posted_only_when_another_approves_it(
    open_books: Books, maker: Person, checker: Person
) -> None:
    proposed = await maker.adjustments.ProposeManualJournal(propose(manual()))
    assert proposed.adjustment.state == wire.Adjustment.STATE_PROPOSED
    assert await open_books.balances() == {}
    approve = asked(api.ApproveManualJournalRequest, proposed.adjustment)
    denied = await refusal(maker.adjustments.ApproveManualJournal(approve))
    assert denied == (grpc.StatusCode.PERMISSION_DENIED, "SELF_APPROVAL")
    done = await checker.adjustments.ApproveManualJournal(approve)
    (journal,) = done.journals
    assert [(x.role, x.amount.minor_units) for x in journal.lines] == [
        (x.role, x.amount.minor_units) for x in proposed.journals[0].lines
    ]
    assert [a.subject for a in journal.approvals] == [MAKER, CHECKER]
    assert await open_books.balances() == {"SHRINK": 500, "CASH_OVER_SHORT": -500}
    twice = asked(api.ApproveManualJournalRequest, proposed.adjustment)
    assert (await refusal(checker.adjustments.ApproveManualJournal(twice)))[1] == (
        "ADJUSTMENT_DECIDED"
    )
    listed = await maker.adjustments.ListManualJournals(api.ListManualJournalsRequest())
    assert [a.journal_ids for a in listed.adjustments] == [[journal.id]]


async def test_a_rejected_journal_is_never_posted(
    open_books: Books, maker: Person, checker: Person
) -> None:
    proposed = (await maker.adjustments.ProposeManualJournal(propose(manual()))).adjustment
    no = asked(api.RejectManualJournalRequest, proposed, reason="not ours")
    rejected = (await checker.adjustments.RejectManualJournal(no)).adjustment
    assert (rejected.state, rejected.reason) == (wire.Adjustment.STATE_REJECTED, "not ours")
    late = asked(api.ApproveManualJournalRequest, proposed)
    assert (await refusal(checker.adjustments.ApproveManualJournal(late)))[1] == (
        "ADJUSTMENT_DECIDED"
    )
    assert await open_books.balances() == {}


@pytest.mark.parametrize(
    ("journal", "reason"),
    [
        (manual(other=400), "JOURNAL_UNBALANCED"),
        (manual(debit="PETTY_CASH"), "FINANCE_FACT_INVALID"),
        (manual(debit="INVENTORY"), "FINANCE_FACT_INVALID"),
        (manual(original_date="2026-02-31"), "VALIDATION_FAILED"),
        (manual(amount=-5), "VALIDATION_FAILED"),
    ],
)
async def test_a_manual_journal_no_book_can_hold_is_refused_when_it_is_proposed(
    open_books: Books, maker: Person, journal: wire.ManualJournal, reason: str
) -> None:
    told = await refusal(maker.adjustments.ProposeManualJournal(propose(journal)))
    assert told[1] == reason
    listed = await maker.adjustments.ListManualJournals(api.ListManualJournalsRequest())
    assert not listed.adjustments


async def test_a_reversal_leaves_no_trace_in_balances_goods_or_open_items(
    open_books: Books, maker: Person
) -> None:
    books = open_books
    await post(books, "po.received", RECEIPT, "r1")
    await post(books, "payment.captured", {"amount": 10_800}, "c1", order_id="o1")
    before = await books.balances(), await books.rows("SELECT quantity, value_minor FROM cost_pool")
    shipped = await post(books, "shipment.confirmed", SHIPMENT, "s1", order_id="o1")
    made = await maker.adjustments.ReverseJournal(reverse(shipped.journals[0].id))
    assert made.journals[0].reverses_journal_id == shipped.journals[0].id
    assert (
        await books.balances(),
        await books.rows("SELECT quantity, value_minor FROM cost_pool"),
    ) == before
    again = await post(books, "shipment.confirmed", SHIPMENT, "s2", order_id="o1")
    assert again.finance_event.state == FinanceEvent.STATE_POSTED, "the goods are there again"
    assert "AR_ORDER" not in await books.balances()


async def test_a_journal_is_reversed_once_and_reversals_and_applications_never(
    open_books: Books, maker: Person
) -> None:
    shipped = await a_paid_and_shipped_order(open_books)
    made = await maker.adjustments.ReverseJournal(reverse(shipped))
    mirrored = [j for j in made.journals if j.reverses_journal_id]
    for journal_id in (shipped, mirrored[0].id):
        told = await refusal(maker.adjustments.ReverseJournal(reverse(journal_id)))
        assert told[1] == "REVERSAL_REFUSED"
    (applied, *_) = await open_books.rows(
        "SELECT id::text FROM journal WHERE event_type = 'deposit.applied'"
    )
    told = await refusal(maker.adjustments.ReverseJournal(reverse(str(applied[0]))))
    assert told[1] == "REVERSAL_REFUSED"
    told = await refusal(maker.adjustments.ReverseJournal(reverse(IDS.new_id())))
    assert told[1] == "NOT_FOUND"


async def test_a_receipt_whose_goods_are_gone_is_not_reversed(
    open_books: Books, maker: Person
) -> None:
    received = await post(open_books, "po.received", RECEIPT, "r1")
    await post(open_books, "shipment.confirmed", SHIPMENT, "s1", order_id="o1")
    told = await refusal(maker.adjustments.ReverseJournal(reverse(received.journals[0].id)))
    assert told[1] == "REVERSAL_REFUSED"
    assert len(await open_books.rows("SELECT 1 FROM journal")) == 2


async def test_a_correction_reverses_and_posts_in_one_link_and_keeps_the_day(
    open_books: Books, maker: Person
) -> None:
    await a_paid_and_shipped_order(open_books)
    fewer = {"lines": [{**LINE, "quantity": 1, "list": 5_000}], "taxes": [{"amount": 400}]}
    event = draft("shipment.confirmed", fewer, "s1", revision=2, order_id="o1")
    request = api.CorrectEventRequest(request_id=IDS.new_id(), event=event, reason="one was short")
    made = await maker.adjustments.CorrectEvent(request)
    linked = [j for j in made.journals if j.link_id]
    assert len({j.link_id for j in linked}) == 1
    assert [bool(j.reverses_journal_id) for j in linked] == [True, False]
    assert {j.original_date for j in linked} == {"2026-03-02"}
    balances = await open_books.balances()
    assert balances["REV_PRODUCT"] == -5_000
    assert balances["COGS"] == 500
    assert balances["CUSTOMER_DEPOSIT"] == -5_400
    # The first revision, should it come again, is known and changes nothing.
    await post(open_books, "shipment.confirmed", SHIPMENT, "s1", order_id="o1")
    assert await open_books.balances() == balances
    unknown = draft("shipment.confirmed", fewer, "s9", revision=2, order_id="o1")
    request = api.CorrectEventRequest(request_id=IDS.new_id(), event=unknown, reason="?")
    assert (await refusal(maker.adjustments.CorrectEvent(request)))[1] == "NOT_FOUND"


async def test_a_revision_that_came_first_makes_the_earlier_one_come_too_late(
    open_books: Books,
) -> None:
    second = {"amount": 700}
    await post(open_books, "payment.captured", second, "c1", revision=2, order_id="o1")
    first = await post(open_books, "payment.captured", {"amount": 500}, "c1", order_id="o1")
    assert first.finance_event.state == FinanceEvent.STATE_SUPERSEDED
    assert await open_books.balances() == {"PSP_CLEARING": 700, "CUSTOMER_DEPOSIT": -700}


async def test_an_event_that_undoes_another_waits_for_it(open_books: Books) -> None:
    voids = {"voids": "test:payment.captured:c1:1", "reason": "declined after all"}
    held = await post(open_books, "payment.capture_reversed", voids, "v1", order_id="o1")
    assert held.finance_event.hold_gate == "G7_PREDECESSOR_MISSING"
    await post(open_books, "payment.captured", {"amount": 500}, "c1", order_id="o1")
    await open_books.become({"payment.captured": 1, "payment.capture_reversed": 1})
    assert await open_books.balances() == {}
    states = await open_books.rows("SELECT event_type, state FROM finance_event ORDER BY 1")
    assert states == [("payment.capture_reversed", "POSTED"), ("payment.captured", "REVERSED")]


async def test_a_soft_closed_period_takes_an_approved_journal_and_a_closed_one_takes_none(
    open_books: Books, maker: Person, checker: Person
) -> None:
    """An event of the business moves on to the next open period; people are told."""
    await post(open_books, "payment.captured", {"amount": 500}, "c1", original_date="2026-03-02")
    async with open_books.service.channel(MAKER) as channel:
        periods = PeriodServiceStub(channel)
        named = {"legal_entity": "US01", "period": "2026-03"}
        soft = period_api.SoftClosePeriodRequest(request_id=IDS.new_id(), **named)
        await periods.SoftClosePeriod(soft)
        late = await post(open_books, "payment.captured", {"amount": 7}, "c2")
        assert late.journals[0].accounting_date == "2026-04-01"
        assert late.journals[0].original_date == "2026-03-02"
        assert "SOFT_CLOSED" in late.journals[0].late_reason
        proposed = await maker.adjustments.ProposeManualJournal(propose(manual()))
        done = await checker.adjustments.ApproveManualJournal(
            asked(api.ApproveManualJournalRequest, proposed.adjustment)
        )
        assert done.journals[0].accounting_date == "2026-03-02"
    await open_books.rows(
        "UPDATE accounting_period SET state = 'CLOSED', version = version + 1 "
        "WHERE code = '2026-03' RETURNING code"
    )
    told = await refusal(maker.adjustments.ProposeManualJournal(propose(manual())))
    assert told[1] == "PERIOD_SHUT"
