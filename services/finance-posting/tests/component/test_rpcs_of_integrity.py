"""Seals, balances and numbers of sources as an auditor sees them, on books that just ran."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from google.protobuf.message import Message
from sqlalchemy import text
from tandem.finance.v1 import integrity_service_pb2 as api
from tandem.finance.v1 import seal_pb2 as wire
from tandem.finance.v1.integrity_service_pb2_grpc import IntegrityServiceStub
from tandem_core.ids import Uuid7Factory
from tandem_testing.eventually import eventually

from .books_under_test import Books
from .shop_events import WHOLE_DAY, received, sold
from .test_posting_from_the_bus import tell_a_day
from .test_rpcs_of_the_books import all_journals, draft, refusal, submit

IDS = Uuid7Factory()
CHAIN = {"legal_entity": "US01"}


@pytest.fixture
async def auditor(open_books: Books) -> AsyncIterator[IntegrityServiceStub]:
    """The rpcs."""
    async with open_books.service.channel("auditor") as channel:
        yield IntegrityServiceStub(channel)


async def sealed(auditor: IntegrityServiceStub) -> int:
    """How many journals are sealed; none is left."""
    told = await auditor.VerifyChain(api.VerifyChainRequest(**CHAIN))
    return told.head_sequence if not told.unsealed_count else -1


async def alter(books: Books, sql: str) -> None:
    async with books.database.connection() as connection:
        await connection.execute(text(sql))
        await connection.commit()


async def test_journals_are_sealed_by_themselves_and_each_seal_names_the_one_before(
    open_books: Books, auditor: IntegrityServiceStub
) -> None:
    await tell_a_day(open_books)
    await open_books.become(WHOLE_DAY)
    await eventually(lambda: sealed(auditor), sum(WHOLE_DAY.values()))
    told = await auditor.VerifyChain(api.VerifyChainRequest(**CHAIN))
    assert not told.HasField("broken")
    assert (told.verified_count, told.next_sequence) == (sum(WHOLE_DAY.values()), 0)
    journals = sorted(await all_journals(open_books), key=lambda j: j.sequence)
    seals = [
        (await auditor.GetSeal(api.GetSealRequest(journal_id=journal.id))).seal
        for journal in journals
    ]
    assert [seal.sequence for seal in seals] == list(range(1, len(seals) + 1))
    assert [s.previous_hash for s in seals[1:]] == [s.hash for s in seals[:-1]]
    assert seals[-1].hash == told.head_hash
    assert len(seals[0].previous_hash) == 64
    missing = api.GetSealRequest(journal_id=IDS.new_id())
    assert (await refusal(auditor.GetSeal(missing)))[1] == "NOT_FOUND"


async def test_an_altered_journal_is_named_with_the_fields_that_differ(
    open_books: Books, auditor: IntegrityServiceStub
) -> None:
    for number in range(3):
        event = draft("payment.captured", {"amount": 500}, f"e{number}", order_id="o")
        await open_books.posting.SubmitFinanceEvent(submit(event))
    await eventually(lambda: sealed(auditor), 3)
    await alter(
        open_books,
        "UPDATE journal_line SET amount_minor = 501 WHERE number = 2 "
        "AND journal_id = (SELECT id FROM journal WHERE sequence = 2)",
    )
    await alter(open_books, "UPDATE journal SET accounting_date = '2026-04-01' WHERE sequence = 2")
    told = await auditor.VerifyChain(api.VerifyChainRequest(**CHAIN))
    assert told.verified_count == 1
    assert told.broken.sequence == 2
    assert told.broken.kind == wire.ChainBreak.KIND_CONTENT_CHANGED
    assert list(told.broken.differing_fields) == [
        "accounting_date",
        "lines[1].amount.minor_units",
    ]
    from_behind = api.VerifyChainRequest(from_sequence=3, **CHAIN)
    assert not (await auditor.VerifyChain(from_behind)).HasField("broken")
    backwards = api.VerifyChainRequest(from_sequence=3, to_sequence=2, **CHAIN)
    assert (await refusal(auditor.VerifyChain(backwards)))[1] == "VALIDATION_FAILED"


async def test_a_journal_that_is_as_it_was_told_has_no_differing_field(
    open_books: Books, auditor: IntegrityServiceStub
) -> None:
    """Or every break would name fields nobody altered."""
    await tell_a_day(open_books)
    await open_books.become(WHOLE_DAY)
    await eventually(lambda: sealed(auditor), sum(WHOLE_DAY.values()))
    await alter(open_books, "UPDATE journal_seal SET hash = sha256('x') WHERE sequence = 3")
    told = await auditor.VerifyChain(api.VerifyChainRequest(**CHAIN))
    assert told.broken.sequence == 3
    assert list(told.broken.differing_fields) == []


async def test_balances_that_were_altered_are_named(
    open_books: Books, auditor: IntegrityServiceStub
) -> None:
    await tell_a_day(open_books)
    await open_books.become(WHOLE_DAY)
    days = {"from_date": "2020-01-01", "to_date": "2100-01-01"}
    whole = await auditor.VerifyBalances(api.VerifyBalancesRequest(**days))
    assert whole.compared_count > 5
    assert list(whole.differences) == []
    await alter(open_books, "UPDATE ledger_balance SET debit_minor = 1 WHERE role = 'PSP_CLEARING'")
    altered = await auditor.VerifyBalances(api.VerifyBalancesRequest(**days))
    (difference,) = altered.differences
    assert difference.role == "PSP_CLEARING"
    assert difference.kept_minor_units != difference.lines_minor_units
    backwards = api.VerifyBalancesRequest(from_date="2026-02-01", to_date="2026-01-01")
    assert (await refusal(auditor.VerifyBalances(backwards)))[1] == "VALIDATION_FAILED"


def declared(last: int, *voided: tuple[int, int], **rest: str) -> api.DeclareSourceSequenceRequest:
    return api.DeclareSourceSequenceRequest(
        request_id=IDS.new_id(), legal_entity="US01", last=last, reason=rest.get("reason", ""),
        register_day=api.RegisterDay(store="S1", register="1", business_date="2026-03-02"),
        voided=[wire.NumberRange(first=first, last=last) for first, last in voided],
    )  # fmt: skip


def numbers(source: Message) -> list[tuple[int, int]]:
    return [(part.first, part.last) for part in source.missing]  # type: ignore[attr-defined]  # a message


async def test_missing_receipts_of_a_register_are_listed_until_they_come_or_are_void(
    open_books: Books, auditor: IntegrityServiceStub
) -> None:
    await open_books.connectors.tell("r1", received("A", 100, 5_000))
    for sequence in (1, 2, 5):
        sale = sold(f"sale-{sequence}")
        sale.sequence = sequence
        await open_books.orders.tell(f"sale-{sequence}", sale)
    await open_books.become({"po.received": 1, "pos.sale": 3})
    listing = api.ListSourceSequencesRequest(missing_only=True)
    (source,) = (await auditor.ListSourceSequences(listing)).source_sequences
    assert (source.store, source.register, source.seen_last) == ("S1", "1", 5)
    assert numbers(source) == [(3, 4)]
    complete = await auditor.DeclareSourceSequence(declared(7))
    assert numbers(complete.source_sequence) == [(3, 4), (6, 7)]
    assert complete.source_sequence.missing_count == 4
    assert (await refusal(auditor.DeclareSourceSequence(declared(4))))[1] == (
        "SOURCE_SEQUENCE_CONFLICT"
    )
    assert (await refusal(auditor.DeclareSourceSequence(declared(7, (3, 4)))))[1] == (
        "VALIDATION_FAILED"
    ), "void numbers need a reason"
    assert (await refusal(auditor.DeclareSourceSequence(declared(7, (4, 3), reason="x"))))[1] == (
        "VALIDATION_FAILED"
    )
    torn = declared(7, (3, 4), (6, 7), reason="paper jam")
    told = await auditor.DeclareSourceSequence(torn)
    assert numbers(told.source_sequence) == []
    assert told.source_sequence.void_reason == "auditor: paper jam"
    assert list((await auditor.ListSourceSequences(listing)).source_sequences) == []


async def test_a_stream_declares_how_far_it_has_counted(
    open_books: Books, auditor: IntegrityServiceStub
) -> None:
    request = api.DeclareSourceSequenceRequest(
        request_id=IDS.new_id(), legal_entity="US01", stream="settlements", last=3
    )
    told = await auditor.DeclareSourceSequence(request)
    assert numbers(told.source_sequence) == [(1, 3)]
    assert told.source_sequence.kind == wire.SourceSequence.KIND_STREAM
    handed_over = api.NoteSourceNumbersRequest(
        request_id=IDS.new_id(), legal_entity="US01", stream="settlements",
        numbers=[wire.NumberRange(first=3, last=4), wire.NumberRange(first=1, last=1)],
    )  # fmt: skip
    noted = await auditor.NoteSourceNumbers(handed_over)
    assert numbers(noted.source_sequence) == [(2, 2)]
    assert noted.source_sequence.seen_last == 4
    assert list((await auditor.ListDailyRoots(api.ListDailyRootsRequest())).roots) == []
