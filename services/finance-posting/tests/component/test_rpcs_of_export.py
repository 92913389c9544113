"""Export as its callers see it: states of batches, answers, holds, drill-through."""

from __future__ import annotations

import csv
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tandem.finance.v1 import account_map_service_pb2 as maps_api
from tandem.finance.v1 import export_batch_pb2 as wire
from tandem.finance.v1 import export_service_pb2 as api
from tandem.finance.v1.account_map_service_pb2_grpc import AccountMapServiceStub
from tandem.finance.v1.export_service_pb2_grpc import ExportServiceStub
from tandem_erp_simulator.process import ErpProcess
from tandem_platform.remote_error import RemoteError
from tandem_testing.child_process import free_port
from tandem_testing.eventually import eventually

from .books_under_test import Books
from .export_doors import IDS, Doors, Opened, refused
from .export_doors import doors as doors
from .export_doors import opened as opened

Batch = wire.ExportBatch
NOBODY = IDS.new_id()


@pytest.fixture
async def doors_of_files(opened: Opened, tmp_path: Path) -> AsyncIterator[Doors]:
    folder = str(tmp_path / "outbox")
    async with opened(export_target="file", export_folder=folder) as doors:
        yield doors


async def test_the_whole_service_serves_maps_and_batches(books: Books) -> None:
    async with books.running(), books.service.channel("maker") as channel:
        shown = await AccountMapServiceStub(channel).GetAccountMap(maps_api.GetAccountMapRequest())
        assert shown.account_map.version == 0
        listed = await ExportServiceStub(channel).ListExportBatches(api.ListExportBatchesRequest())
        assert list(listed.batches) == []


async def test_a_batch_is_built_and_sealed_once_and_goes_nowhere_without_an_erp(
    doors: Doors,
) -> None:
    await doors.books.capture(3)
    built = await doors.build()
    assert (built.added_count, built.held_count, built.more) == (3, 0, False)
    await doors.books.capture(2, first=4)
    more = await doors.build()
    assert (more.batch.id, more.batch.journal_count, more.added_count) == (built.batch.id, 5, 2)
    sealed = await doors.seal(built.batch.id)
    (total,) = sealed.totals
    assert total.debit.minor_units == total.credit.minor_units == sum(101 + n for n in range(5))
    with pytest.raises(RemoteError) as error:
        await doors.seal(built.batch.id)
    assert refused(error)[1]["state"] == "SEALED"
    with pytest.raises(RemoteError) as error:
        await doors.send(built.batch.id)
    assert refused(error)[0] == "EXPORT_TARGET_MISSING"
    with pytest.raises(RemoteError) as error:
        await doors.ack(built.batch.id)
    assert refused(error)[0] == "EXPORT_BATCH_STATE"
    empty = await doors.build()
    assert not empty.HasField("batch")


async def test_a_memo_book_is_refused(doors: Doors) -> None:
    with pytest.raises(RemoteError) as error:
        await doors.build(book="MEMO")
    assert refused(error) == ("EXPORT_BOOK_REFUSED", {"book": "MEMO"})


async def test_a_file_is_written_and_its_acknowledgement_closes_the_batch(
    doors_of_files: Doors, tmp_path: Path
) -> None:
    doors = doors_of_files
    await doors.books.capture(3)
    batch = await doors.seal((await doors.build()).batch.id)
    await doors.send(batch.id)

    async def files() -> int:
        return len(list((tmp_path / "outbox").glob("*.csv")))

    await eventually(files, 1)
    (path,) = (tmp_path / "outbox").glob("*.csv")
    rows = list(csv.reader(path.read_text().splitlines()))
    assert rows[-1][2] == (await doors.get(batch.id)).groups[0].content_hash
    assert (await doors.probe(batch.id)).state == Batch.STATE_SENDING
    path.with_suffix(".ack.csv").write_text(f"{batch.groups[0].external_id},POSTED,JV-7\n")
    acked = await doors.probe(batch.id)
    assert (acked.state, acked.acked_count) == (Batch.STATE_RECONCILED, 3)
    assert acked.groups[0].erp_ref == "JV-7"


async def test_acknowledgements_by_journal_split_a_batch_and_cannot_be_taken_back(
    doors_of_files: Doors,
) -> None:
    doors = doors_of_files
    await doors.books.capture(3)
    batch = await doors.seal((await doors.build()).batch.id)
    await doors.send(batch.id)
    one, two, three = await doors.journal_ids(batch.id)
    with pytest.raises(RemoteError) as error:
        await doors.ack(batch.id, api.JournalAck(journal_id=NOBODY, posted=True))
    assert refused(error)[1] == {"journal_id": NOBODY, "detail": "is not in the batch"}
    with pytest.raises(RemoteError) as error:
        await doors.ack(batch.id, api.JournalAck(journal_id=one))
    assert refused(error)[1]["detail"] == "a refusal needs a code"
    locked = api.JournalAck(journal_id=one, code="LOCKED", detail="period is locked")
    part = await doors.ack(batch.id, api.JournalAck(journal_id=two, posted=True), locked)
    assert (part.acked_count, part.rejected_count) == (1, 1)
    assert part.state == Batch.STATE_SENDING
    assert await doors.ack(batch.id, locked) == part, "the same word twice changes nothing"
    with pytest.raises(RemoteError) as error:
        await doors.ack(batch.id, api.JournalAck(journal_id=one, posted=True))
    assert refused(error)[0] == "EXPORT_ACK_INVALID"
    rest = await doors.ack(batch.id, ref="JV-9")
    assert (rest.state, rest.acked_count) == (Batch.STATE_PARTIAL, 2)
    assert three in await doors.journal_ids(batch.id)
    (hold,) = (await doors.exports.ListExportHolds(api.ListExportHoldsRequest())).holds
    assert (hold.journal_id, hold.code, hold.detail) == (one, "LOCKED", "period is locked")
    release = api.ReleaseExportHoldRequest(request_id=IDS.new_id(), journal_id=one, note="open")
    await doors.exports.ReleaseExportHold(release)
    again = await doors.build()
    assert (again.added_count, again.batch.number) == (1, 2)
    assert await doors.journal_ids(again.batch.id) == [one]
    assert not (await doors.exports.ListExportHolds(api.ListExportHoldsRequest())).holds
    release.request_id = IDS.new_id()
    with pytest.raises(RemoteError) as error:
        await doors.exports.ReleaseExportHold(release)
    assert refused(error)[0] == "NOT_FOUND"


async def test_a_line_of_the_erp_leads_back_to_journals_and_a_changed_book_is_seen(
    doors: Doors,
) -> None:
    await doors.books.capture(5)
    batch = await doors.seal((await doors.build()).batch.id)
    place = {"batch_id": batch.id, "group_number": 1}
    lines = (await doors.exports.ListExportLines(api.ListExportLinesRequest(**place))).lines
    assert [(x.segments["account"], x.debit, x.member_count) for x in lines] == [
        ("1100 - Payment Provider Clearing", True, 5), ("2300 - Customer Deposits", False, 5),
    ]  # fmt: skip
    explain = api.ExplainExportLineRequest(line_number=1, page_size=3, **place)
    first = await doors.exports.ExplainExportLine(explain)
    explain.page_token = first.next_page_token
    second = await doors.exports.ExplainExportLine(explain)
    amounts = [m.amount.minor_units for m in (*first.members, *second.members)]
    assert sorted(amounts) == [101, 102, 103, 104, 105]
    assert first.agrees
    assert not second.next_page_token
    await doors.books.rows(
        "UPDATE journal_line SET amount_minor = amount_minor + 1 WHERE amount_minor = 103"
        " RETURNING 1"
    )
    explain.page_token = ""
    assert not (await doors.exports.ExplainExportLine(explain)).agrees
    with pytest.raises(RemoteError) as error:
        await doors.exports.ExplainExportLine(api.ExplainExportLineRequest(line_number=99, **place))
    assert refused(error)[0] == "NOT_FOUND"


async def test_the_books_go_into_the_erp_by_themselves(opened: Opened, tmp_path: Path) -> None:
    erp = ErpProcess(tmp_path / "erp", free_port(), "key:secret")
    erp.start()
    target = {
        "export_auto": True, "export_target": "erpnext", "export_erp_url": erp.url,
        "export_erp_key_file": str(erp.key_file),
    }  # fmt: skip
    try:
        async with opened(**target) as doors:
            await doors.books.capture(4)

            async def acked() -> int:
                listed = api.ListExportBatchesRequest(state=Batch.STATE_RECONCILED)
                found = (await doors.exports.ListExportBatches(listed)).batches
                return sum(batch.journal_count for batch in found)

            await eventually(acked, 4)
            accounts = erp.ask("trial-balance")["accounts"]
            assert sorted((row["account"], row["debit"], row["credit"]) for row in accounts) == [
                ("1100 - Payment Provider Clearing", "4.10", "0.00"),
                ("2300 - Customer Deposits", "0.00", "4.10"),
            ]
    finally:
        erp.stop()


async def test_batches_are_listed_newest_first_in_pages(doors: Doors) -> None:
    for n in range(3):
        await doors.books.capture(1, first=n + 1)
        await doors.seal((await doors.build()).batch.id)
    listed = await doors.exports.ListExportBatches(api.ListExportBatchesRequest(page_size=2))
    assert [batch.number for batch in listed.batches] == [3, 2]
    more = api.ListExportBatchesRequest(page_size=2, page_token=listed.next_page_token)
    assert [b.number for b in (await doors.exports.ListExportBatches(more)).batches] == [1]
    with pytest.raises(RemoteError) as error:
        await doors.get(NOBODY)
    assert refused(error) == ("NOT_FOUND", {"resource": "export_batch", "id": NOBODY})
