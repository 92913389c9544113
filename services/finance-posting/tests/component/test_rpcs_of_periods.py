"""Every rpc of periods as controllers call them: maker and checker, lists, refusals by name."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from tandem.common.v1.money_pb2 import Money
from tandem.finance.v1 import period_pb2 as wire
from tandem.finance.v1 import period_service_pb2 as api
from tandem.finance.v1.period_service_pb2_grpc import PeriodServiceStub
from tandem_core.ids import Uuid7Factory
from tandem_platform.remote_error import RemoteError
from tandem_testing.eventually import eventually

from .books_under_test import Books
from .test_rpcs_of_the_books import draft, refusal, submit

IDS = Uuid7Factory()
TODAY = datetime.now(UTC).date()
LAST_MONTH = (TODAY.replace(day=1) - timedelta(days=1)).replace(day=1)
CODE = f"{LAST_MONTH:%Y-%m}"
NAMED = {"legal_entity": "US01", "period": CODE}


@asynccontextmanager
async def person(books: Books, subject: str) -> AsyncIterator[PeriodServiceStub]:
    """The rpcs as one person calls them."""
    async with books.service.channel(subject) as channel:
        yield PeriodServiceStub(channel)


@pytest.fixture
async def ann(open_books: Books) -> AsyncIterator[PeriodServiceStub]:
    """The maker."""
    async with person(open_books, "ann") as stub:
        yield stub


@pytest.fixture
async def bob(open_books: Books) -> AsyncIterator[PeriodServiceStub]:
    """The checker."""
    async with person(open_books, "bob") as stub:
        yield stub


def closing(**rest: Any) -> api.ClosePeriodRequest:
    return api.ClosePeriodRequest(request_id=IDS.new_id(), **{**NAMED, **rest})


async def state_of(stub: PeriodServiceStub) -> wire.Period.State.ValueType:
    told = await stub.CloseCheck(api.CloseCheckRequest(**NAMED))
    return told.period.state


async def ready(stub: PeriodServiceStub) -> list[str]:
    """Kinds of what blocks."""
    told = await stub.CloseCheck(api.CloseCheckRequest(**NAMED))
    assert told.ready == (not told.blockers)
    return [wire.CloseBlocker.Kind.Name(b.kind).removeprefix("KIND_") for b in told.blockers]


async def capture(books: Books, event_id: str, amount: int = 500) -> Any:
    event = draft("bank.cash_credited", {"amount": amount}, event_id, original_date=f"{CODE}-03")
    return await books.posting.SubmitFinanceEvent(submit(event))


async def bank(books: Books, event_id: str) -> None:
    """The cash the bank credited had left the till."""
    banked = draft("till.banked", {"amount": 500}, event_id, original_date=f"{CODE}-04")
    await books.posting.SubmitFinanceEvent(submit(banked))


async def test_a_month_is_closed_once_nothing_blocks_and_later_events_of_it_count_late(
    open_books: Books, ann: PeriodServiceStub
) -> None:
    books = open_books
    first = (await capture(books, "e1")).journals[0]
    assert first.accounting_date == first.original_date == f"{CODE}-03"
    # CASH_IN_TRANSIT must clear and is older than a week at the month's end.
    await eventually(lambda: ready(ann), ["UNCLEARED_ROLES"])
    with pytest.raises(RemoteError) as refused:
        await ann.ClosePeriod(closing())
    assert refused.value.reason == "CLOSE_BLOCKED"
    assert refused.value.metadata["blockers"] == "UNCLEARED_ROLES=1"
    await bank(books, "e2")
    await eventually(lambda: ready(ann), [])
    request = closing(reason="month end")
    closed = await ann.ClosePeriod(request)
    assert await ann.ClosePeriod(request) == closed, "a repeat is answered as the first time"
    assert closed.period.state == wire.Period.STATE_CLOSED
    assert (closed.change.proposed_by, closed.change.reason) == ("ann", "month end")
    assert len(closed.change.chain_hash) == 64

    late = (await capture(books, "e3", 700)).journals[0]
    assert late.original_date == f"{CODE}-03"
    assert late.accounting_date == TODAY.replace(day=1).isoformat()
    assert late.late_reason.startswith(f"period {CODE} is CLOSED")


async def reopen(ann: PeriodServiceStub, bob: PeriodServiceStub) -> wire.PeriodChange:
    """Asked for by one, approved by the other."""
    asked = await ann.ReopenPeriod(
        api.ReopenPeriodRequest(request_id=IDS.new_id(), reason="a bank line", **NAMED)
    )
    own = api.ApproveReopenPeriodRequest(request_id=IDS.new_id(), change_id=asked.change.id)
    assert (await refusal(ann.ApproveReopenPeriod(own)))[1] == "SELF_APPROVAL"
    assert await state_of(ann) == wire.Period.STATE_CLOSED
    opened = await bob.ApproveReopenPeriod(own)
    assert opened.period.state == wire.Period.STATE_OPEN
    return opened.change


async def test_a_closed_month_is_opened_by_two_closed_anew_and_locked(
    open_books: Books, ann: PeriodServiceStub, bob: PeriodServiceStub
) -> None:
    closed = await ann.ClosePeriod(closing())
    opened = await reopen(ann, bob)
    assert (opened.proposed_by, opened.decided_by) == ("ann", "bob")
    in_time = (await capture(open_books, "e1")).journals[0]
    assert in_time.accounting_date == f"{CODE}-03"
    await bank(open_books, "e2")
    await eventually(lambda: ready(ann), [])
    again = await ann.ClosePeriod(closing())
    assert again.change.reseals
    assert again.change.balance_hash != closed.change.balance_hash
    locked = api.LockPeriodRequest(request_id=IDS.new_id(), **NAMED)
    assert (await bob.LockPeriod(locked)).period.state == wire.Period.STATE_LOCKED
    asked_again = api.ReopenPeriodRequest(request_id=IDS.new_id(), reason="no", **NAMED)
    assert (await refusal(ann.ReopenPeriod(asked_again)))[1] == "PERIOD_MOVE_REFUSED"
    (period,) = (
        await ann.ListPeriods(
            api.ListPeriodsRequest(
                legal_entity="US01", from_date=f"{CODE}-01", to_date=f"{CODE}-02"
            )
        )
    ).periods
    assert period.balance_hash == again.change.balance_hash

    changes = await ann.ListPeriodChanges(api.ListPeriodChangesRequest(page_size=2))
    rest = await ann.ListPeriodChanges(
        api.ListPeriodChangesRequest(page_size=2, page_token=changes.next_page_token)
    )
    states = [change.to_state for change in (*changes.changes, *rest.changes)]
    assert states == [
        wire.Period.STATE_LOCKED, wire.Period.STATE_CLOSED,
        wire.Period.STATE_OPEN, wire.Period.STATE_CLOSED,
    ]  # fmt: skip
    assert rest.next_page_token == ""


async def test_a_soft_closed_month_sends_events_on_and_a_rejected_proposal_leaves_it_so(
    open_books: Books, ann: PeriodServiceStub, bob: PeriodServiceStub
) -> None:
    soft = api.SoftClosePeriodRequest(request_id=IDS.new_id(), **NAMED)
    assert (await ann.SoftClosePeriod(soft)).period.state == wire.Period.STATE_SOFT_CLOSED
    sent_on = (await capture(open_books, "e1")).journals[0]
    assert sent_on.accounting_date == TODAY.replace(day=1).isoformat()
    asked = await ann.ReopenPeriod(
        api.ReopenPeriodRequest(request_id=IDS.new_id(), reason="r", **NAMED)
    )
    rejected = await bob.RejectReopenPeriod(
        api.RejectReopenPeriodRequest(request_id=IDS.new_id(), change_id=asked.change.id)
    )
    assert rejected.change.state == wire.PeriodChange.STATE_REJECTED
    assert await state_of(ann) == wire.Period.STATE_SOFT_CLOSED
    open_proposals = api.ListPeriodChangesRequest(state=wire.PeriodChange.STATE_PROPOSED)
    assert list((await ann.ListPeriodChanges(open_proposals)).changes) == []


async def test_periods_are_listed_in_pages_and_own_ones_replace_months(
    open_books: Books, ann: PeriodServiceStub
) -> None:
    asked = {"legal_entity": "US01", "from_date": "2031-01-15", "to_date": "2031-04-01"}
    page = await ann.ListPeriods(api.ListPeriodsRequest(page_size=3, **asked))
    assert [p.code for p in page.periods] == ["2031-01", "2031-02", "2031-03"]
    assert {p.state for p in page.periods} == {wire.Period.STATE_FUTURE}
    after = await ann.ListPeriods(
        api.ListPeriodsRequest(page_size=3, page_token=page.next_page_token, **asked)
    )
    assert [p.code for p in after.periods] == ["2031-04"]
    weeks = api.DefinePeriodsRequest(
        request_id=IDS.new_id(), legal_entity="US01",
        periods=[
            api.PeriodDefinition(code="P1", first_date="2030-12-30", last_date="2031-01-26"),
            api.PeriodDefinition(code="P2", first_date="2031-01-27", last_date="2031-02-23"),
        ],
    )  # fmt: skip
    assert len((await ann.DefinePeriods(weeks)).periods) == 2
    whole = await ann.ListPeriods(api.ListPeriodsRequest(**asked))
    assert [p.code for p in whole.periods] == ["P1", "P2", "2031-02", "2031-03", "2031-04"]
    assert whole.periods[2].first_date == "2031-02-24"
    this_year = await ann.ListPeriods(api.ListPeriodsRequest(legal_entity="US01"))
    assert len(this_year.periods) == 12
    assert this_year.periods[-1].state == wire.Period.STATE_OPEN


async def test_wrong_periods_days_and_names_are_refused_by_name(
    open_books: Books, ann: PeriodServiceStub
) -> None:
    gap = api.DefinePeriodsRequest(
        request_id=IDS.new_id(), legal_entity="US01",
        periods=[
            api.PeriodDefinition(code="P1", first_date="2031-01-01", last_date="2031-01-26"),
            api.PeriodDefinition(code="P2", first_date="2031-01-28", last_date="2031-02-28"),
        ],
    )  # fmt: skip
    with pytest.raises(RemoteError) as refused:
        await ann.DefinePeriods(gap)
    assert (refused.value.reason, refused.value.metadata["period"]) == (
        "PERIOD_DEFINITION_INVALID", "P2",
    )  # fmt: skip
    gap.periods[1].first_date = "2031-02-30"
    assert (await refusal(ann.DefinePeriods(gap)))[1] == "VALIDATION_FAILED"
    assert (await refusal(ann.ClosePeriod(closing(period="2031-13"))))[1] == "NOT_FOUND"
    assert (await refusal(ann.ClosePeriod(closing(period="2031-12"))))[1] == "PERIOD_MOVE_REFUSED"
    unknown = api.ApproveReopenPeriodRequest(request_id=IDS.new_id(), change_id=IDS.new_id())
    assert (await refusal(ann.ApproveReopenPeriod(unknown)))[1] == "NOT_FOUND"
    backwards = api.ListPeriodsRequest(
        legal_entity="US01", from_date="2031-02-01", to_date="2031-01-01"
    )
    assert (await refusal(ann.ListPeriods(backwards)))[1] == "VALIDATION_FAILED"
    check = api.CloseCheckRequest(legal_entity="US01", period="nothing")
    assert (await refusal(ann.CloseCheck(check)))[1] == "NOT_FOUND"


async def test_what_reconciliation_asserts_blocks_until_its_next_list_is_empty(
    open_books: Books, ann: PeriodServiceStub
) -> None:
    def said(*refs: str) -> api.AssertCloseBlockersRequest:
        amount = Money(currency_code="USD", minor_units=900)
        found = [api.AssertedBlocker(ref=ref, detail="differs", amount=amount) for ref in refs]
        return api.AssertCloseBlockersRequest(
            request_id=IDS.new_id(), source="reconciliation", blockers=found, **NAMED
        )

    assert (await ann.AssertCloseBlockers(said("x1", "x2"))).blocker_count == 2
    (blocker,) = (await ann.CloseCheck(api.CloseCheckRequest(**NAMED))).blockers
    assert blocker.kind == wire.CloseBlocker.KIND_RECONCILIATION
    assert (blocker.count, blocker.amounts[0].minor_units) == (2, 1_800)
    assert list(blocker.examples) == ["x1", "x2"]
    await ann.AssertCloseBlockers(said())
    assert (await ann.CloseCheck(api.CloseCheckRequest(**NAMED))).ready
