"""The process killed while it posts, seals and closes: chain and balances are whole after it.

Goal: a journal, its balances and its seal are never apart for long, whatever dies. Method: the
process ends itself at a commit while it posts and seals; the next one goes on. Left out: power
failure, and the way of events, which `test_kills_of_the_process.py` covers.
"""

from __future__ import annotations

from datetime import UTC, datetime

from tandem.finance.v1 import integrity_service_pb2 as api
from tandem.finance.v1.integrity_service_pb2_grpc import IntegrityServiceStub
from tandem.finance.v1.posting_service_pb2_grpc import PostingServiceStub
from tandem_platform.remote_error import RemoteError
from tandem_testing.eventually import eventually

from .books_under_test import Books
from .test_kills_of_the_process import WAIT_S, process
from .test_rpcs_of_the_books import draft, submit

POINTS = ("unit_of_work.before_commit", "unit_of_work.after_commit")
EVENTS = 12
TODAY = datetime.now(UTC).date().isoformat()


async def post(books: Books, first: int) -> bool:
    """Submits events one by one on a connection of its own; False when the process died."""
    async with books.service.channel("poster") as channel:
        posting = PostingServiceStub(channel)
        for number in range(first, first + EVENTS):
            facts = {"amount": 100 + number}
            event = draft("payment.captured", facts, f"e{number}", original_date=TODAY)
            try:
                await posting.SubmitFinanceEvent(submit(event), timeout=WAIT_S)
            except RemoteError:
                return False
    return True


async def whole(books: Books) -> tuple[int, int, bool, int]:
    """Journals, seals that hold, whether any breaks, balances that differ."""
    async with books.service.channel("auditor") as channel:
        auditor = IntegrityServiceStub(channel)
        chain = await auditor.VerifyChain(api.VerifyChainRequest(legal_entity="US01"))
        balances = await auditor.VerifyBalances(
            api.VerifyBalancesRequest(from_date=TODAY, to_date=TODAY)
        )
    journals = (await books.rows("SELECT count(*) FROM journal"))[0][0]
    broken = chain.HasField("broken")
    return journals, chain.verified_count, broken, len(balances.differences)


async def test_kills_at_commits_leave_no_journal_without_seal_or_balance(books: Books) -> None:
    for place, point in enumerate(POINTS):
        # The eighth commit and the twelfth: of a posting or of its seals, as it comes.
        async with process(books, f"{point}:kill:{8 + 4 * place}"):
            await eventually(lambda: answers(books), True, wait_s=WAIT_S)
            await post(books, place * EVENTS)
    async with process(books):
        await eventually(lambda: answers(books), True, wait_s=WAIT_S)
        assert await post(books, 0)
        assert await post(books, EVENTS)
        await eventually(lambda: whole(books), (24, 24, False, 0), wait_s=WAIT_S)


async def answers(books: Books) -> bool:
    """True when the process answers."""
    try:
        async with books.service.channel("auditor") as channel:
            auditor = IntegrityServiceStub(channel)
            await auditor.VerifyChain(api.VerifyChainRequest(legal_entity="US01"))
    except RemoteError:
        return False
    return True
