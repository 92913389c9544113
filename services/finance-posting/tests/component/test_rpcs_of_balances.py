"""Balances by any date, the stream of journals, and what is missing in the books."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from tandem.finance.v1 import journal_pb2
from tandem.finance.v1 import ledger_service_pb2 as api
from tandem.finance.v1 import period_service_pb2 as periods
from tandem.finance.v1.period_service_pb2_grpc import PeriodServiceStub
from tandem_core.ids import Uuid7Factory
from tandem_testing.eventually import eventually

from .books_under_test import Books
from .shop_events import WHOLE_DAY, captured, refunded, returned, shipped
from .test_posting_from_the_bus import tell_a_day
from .test_rpcs_of_the_books import draft, refusal, submit

IDS = Uuid7Factory()
TODAY = datetime.now(UTC).date()
FIRST = TODAY.replace(day=1)
LAST_MONTH = f"{FIRST - timedelta(days=1):%Y-%m}"


async def capture(books: Books, event_id: str, amount: int, day: str) -> None:
    event = draft("payment.captured", {"amount": amount}, event_id, original_date=day)
    await books.posting.SubmitFinanceEvent(submit(event))


async def clearing(books: Books, basis: int, **days: str) -> tuple[int, int, int, int]:
    request = api.GetBalancesRequest(roles=["PSP_CLEARING"], date_basis=basis, **days)  # type: ignore[arg-type]  # an enum value
    (found,) = (await books.ledger.GetBalances(request)).movements
    return (
        found.opening.minor_units, found.debit.minor_units,
        found.credit.minor_units, found.closing.minor_units,
    )  # fmt: skip


async def close_last_month(books: Books) -> None:
    async with books.service.channel("ann") as channel:
        stub = PeriodServiceStub(channel)

        async def closed() -> str:
            request = periods.ClosePeriodRequest(
                request_id=IDS.new_id(), legal_entity="US01", period=LAST_MONTH
            )
            try:
                await stub.ClosePeriod(request)
            except Exception as error:  # noqa: BLE001  # any refusal is shown by the test
                return str(error)
            return "closed"

        await eventually(closed, "closed")


async def test_balances_are_asked_by_the_day_it_counts_happened_or_was_recorded(
    open_books: Books,
) -> None:
    books = open_books
    await capture(books, "e1", 500, f"{LAST_MONTH}-28")
    await close_last_month(books)
    await capture(books, "e2", 70, f"{LAST_MONTH}-28")
    month = {"from_date": f"{LAST_MONTH}-01", "to_date": f"{LAST_MONTH}-28"}
    assert await clearing(books, api.DATE_BASIS_ACCOUNTING, **month) == (0, 500, 0, 500)
    assert await clearing(books, api.DATE_BASIS_ORIGINAL, **month) == (0, 570, 0, 570)
    now = {"from_date": FIRST.isoformat()}
    assert await clearing(books, api.DATE_BASIS_ACCOUNTING, **now) == (500, 70, 0, 570)
    assert await clearing(books, api.DATE_BASIS_ORIGINAL, **now) == (570, 0, 0, 570)
    today = {"from_date": TODAY.isoformat(), "to_date": TODAY.isoformat()}
    assert await clearing(books, api.DATE_BASIS_RECORDED, **today) == (0, 570, 0, 570)
    for basis, expected in ((api.DATE_BASIS_ACCOUNTING, 500), (api.DATE_BASIS_ORIGINAL, 570)):
        request = api.GetTrialBalanceRequest(as_of_date=f"{LAST_MONTH}-28", date_basis=basis)
        told = await books.ledger.GetTrialBalance(request)
        balances = {b.role: b.balance.minor_units for b in told.balances}
        assert balances == {"PSP_CLEARING": expected, "CUSTOMER_DEPOSIT": -expected}
        assert [m.minor_units for m in told.functional_differences] == [0]
    backwards = api.GetBalancesRequest(from_date="2026-02-01", to_date="2026-01-01")
    assert (await refusal(books.ledger.GetBalances(backwards)))[1] == "VALIDATION_FAILED"


async def test_balances_are_the_sum_of_the_lines_a_day_has_posted(open_books: Books) -> None:
    await tell_a_day(open_books)
    await open_books.become(WHOLE_DAY)
    told = await open_books.ledger.GetTrialBalance(api.GetTrialBalanceRequest())
    kept = {b.role: b.balance.minor_units for b in told.balances if b.balance.minor_units}
    assert kept == await open_books.balances()


async def test_the_stream_sends_each_journal_once_in_order_and_what_comes_while_it_follows(
    open_books: Books,
) -> None:
    for number in range(3):
        await capture(open_books, f"e{number}", 500, "2026-03-02")

    def asked(after: int, follow: bool) -> api.StreamJournalsRequest:
        return api.StreamJournalsRequest(legal_entity="US01", after_sequence=after, follow=follow)

    found: list[journal_pb2.Journal] = []
    async for piece in open_books.ledger.StreamJournals(asked(1, follow=False)):
        found += piece.journals
    assert [journal.sequence for journal in found] == [2, 3]
    followed: list[int] = []
    async for piece in open_books.ledger.StreamJournals(asked(2, follow=True)):
        followed += [journal.sequence for journal in piece.journals]
        if len(followed) == 1:
            await capture(open_books, "e9", 500, "2026-03-02")
        else:
            break
    assert followed == [3, 4]


async def test_what_is_held_is_missing_and_counts_against_completeness(
    open_books: Books,
) -> None:
    await capture(open_books, "e1", 3_000, TODAY.isoformat())
    facts = {
        "ship": 0, "taxes": [],
        "lines": [{"line_ref": "1", "sku": "NEVER", "quantity": 1, "list": 1_000}],
    }  # fmt: skip
    event = draft("shipment.confirmed", facts, "e2", original_date=TODAY.isoformat(), order_id="o")
    await open_books.posting.SubmitFinanceEvent(submit(event))
    told = await open_books.ledger.GetPostingCompleteness(
        api.GetPostingCompletenessRequest(legal_entity="US01")
    )
    assert told.period.code == f"{TODAY:%Y-%m}"
    assert (told.total.posted_count, told.total.held_count) == (1, 1)
    assert (told.total.posted_count_bp, told.total.posted_value_bp) == (5_000, 7_500)
    assert [s.event_type for s in told.shares] == ["shipment.confirmed", "payment.captured"]
    (gate,) = told.held
    assert (gate.gate, gate.count, gate.amounts[0].minor_units) == ("G4_COST_MISSING", 1, 1_000)
    assert gate.oldest_age_s >= 0
    assert [blocker.count for blocker in told.blockers if blocker.kind == 1] == [1]
    assert told.dead_letter_count == 0
    unknown = api.GetPostingCompletenessRequest(legal_entity="US01", period="P99")
    assert (await refusal(open_books.ledger.GetPostingCompleteness(unknown)))[1] == "NOT_FOUND"


async def test_refunds_that_are_approved_and_not_in_the_books_or_not_paid_are_listed(
    open_books: Books,
) -> None:
    """o2 was cancelled, o4 has come back: neither is paid. o3 was paid without an approval."""
    books = open_books
    await tell_a_day(books)
    await books.become(WHOLE_DAY)
    await books.orders.tell("o4", captured("o4"), shipped("o4"), returned("o4"))
    await books.orders.tell("held", returned("held"))
    await books.orders.tell("o3", refunded("o3"))

    async def kinds() -> list[tuple[str, str, int]]:
        listed = await books.ledger.ListRefundGaps(api.ListRefundGapsRequest())
        return sorted(
            (api.RefundGap.Kind.Name(g.kind), g.order_id, g.amount.minor_units)
            for g in listed.refund_gaps
        )

    await eventually(
        kinds,
        [
            ("KIND_UNAPPROVED", "o3", 5_400),
            ("KIND_UNPOSTED", "held", 5_400),
            ("KIND_UNSETTLED", "o2", 1_000),
            ("KIND_UNSETTLED", "o4", 5_400),
        ],
    )
    seen: list[str] = []
    token = ""
    for _ in range(4):
        page = await books.ledger.ListRefundGaps(
            api.ListRefundGapsRequest(page_size=1, page_token=token)
        )
        seen += [gap.order_id for gap in page.refund_gaps]
        token = page.next_page_token
    assert sorted(seen) == ["held", "o2", "o3", "o4"]
    assert token == ""
    only = api.ListRefundGapsRequest(kind=api.RefundGap.KIND_UNPOSTED)
    (gap,) = (await books.ledger.ListRefundGaps(only)).refund_gaps
    assert gap.hold_gate == "G7_PREDECESSOR_MISSING"
    assert gap.event_key
