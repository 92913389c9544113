"""Account map and export as their callers see them: two persons, states, answers, drill-through."""

from __future__ import annotations

import asyncio
import csv
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from tandem.finance.v1 import account_map_pb2 as maps_wire
from tandem.finance.v1 import account_map_service_pb2 as maps_api
from tandem.finance.v1 import export_batch_pb2 as wire
from tandem.finance.v1 import export_service_pb2 as api
from tandem.finance.v1.account_map_service_pb2_grpc import AccountMapServiceStub
from tandem.finance.v1.export_service_pb2_grpc import ExportServiceStub
from tandem_core.ids import Uuid7Factory
from tandem_erp_simulator.process import ErpProcess
from tandem_platform.remote_error import RemoteError
from tandem_testing.child_process import free_port
from tandem_testing.eventually import eventually

from .books_under_test import Books
from .doors_under_test import TwoPersons, two_persons

IDS = Uuid7Factory()
MAIN = {"legal_entity": "US01", "book": "MAIN"}
Batch = wire.ExportBatch
NOBODY = IDS.new_id()


@dataclass
class Doors:
    """The services, called by two persons."""

    books: TwoPersons
    exports: ExportServiceStub
    maps: AccountMapServiceStub
    maps_of_checker: AccountMapServiceStub

    async def build(self, **rest: Any) -> api.BuildExportBatchResponse:
        request = api.BuildExportBatchRequest(request_id=IDS.new_id(), **{**MAIN, **rest})
        return await self.exports.BuildExportBatch(request)

    async def seal(self, batch_id: str) -> wire.ExportBatch:
        request = api.SealExportBatchRequest(request_id=IDS.new_id(), batch_id=batch_id)
        return (await self.exports.SealExportBatch(request)).batch

    async def send(self, batch_id: str) -> wire.ExportBatch:
        request = api.SendExportBatchRequest(request_id=IDS.new_id(), batch_id=batch_id)
        return (await self.exports.SendExportBatch(request)).batch

    async def probe(self, batch_id: str) -> wire.ExportBatch:
        request = api.ProbeExportRequest(request_id=IDS.new_id(), batch_id=batch_id)
        return (await self.exports.ProbeExport(request)).batch

    async def ack(self, batch_id: str, *acks: api.JournalAck, ref: str = "") -> wire.ExportBatch:
        request = api.RecordAckRequest(
            request_id=IDS.new_id(), batch_id=batch_id, acks=acks, erp_ref=ref
        )
        return (await self.exports.RecordAck(request)).batch

    async def get(self, batch_id: str) -> wire.ExportBatch:
        request = api.GetExportBatchRequest(batch_id=batch_id)
        return (await self.exports.GetExportBatch(request)).batch

    async def journal_ids(self, batch_id: str) -> list[str]:
        sql = f"SELECT journal_id::text FROM export_member WHERE batch_id = '{batch_id}' ORDER BY 1"
        return [row[0] for row in await self.books.rows(sql)]

    async def becomes(self, batch_id: str, state: int) -> None:
        async def seen() -> int:
            return (await self.get(batch_id)).state

        await eventually(seen, state)


Opened = Callable[..., AbstractAsyncContextManager[Doors]]


@pytest.fixture
def opened(migrated_database: Callable[[str], str]) -> Opened:
    """Opens the services with settings of export; nothing goes by itself unless asked for."""

    @asynccontextmanager
    async def opened_with(**settings: Any) -> AsyncIterator[Doors]:
        fields = {"export_auto": False, "export_interval_s": 0.05, "export_batch_s": 0, **settings}
        async with two_persons(migrated_database("tandem_finance_posting"), **fields) as both:
            yield Doors(
                both, ExportServiceStub(both.maker), AccountMapServiceStub(both.maker),
                AccountMapServiceStub(both.checker),
            )  # fmt: skip

    return opened_with


@pytest.fixture
async def doors(opened: Opened) -> AsyncIterator[Doors]:
    async with opened() as doors:
        yield doors


@pytest.fixture
async def doors_of_files(opened: Opened, tmp_path: Path) -> AsyncIterator[Doors]:
    folder = str(tmp_path / "outbox")
    async with opened(export_target="file", export_folder=folder) as doors:
        yield doors


def refused(error: Any) -> tuple[str, dict[str, str]]:
    found: RemoteError = error.value
    return found.reason, dict(found.metadata)


def entry(role: str, account: str, **rest: Any) -> maps_wire.AccountMapEntry:
    return maps_wire.AccountMapEntry(role=role, segments={"account": account}, **rest)


async def propose(
    doors: Doors, *entries: maps_wire.AccountMapEntry, base: int = 0
) -> maps_wire.AccountMap:
    request = maps_api.ProposeAccountMapRequest(
        request_id=IDS.new_id(), entries=entries, base_version=base, note="try"
    )
    return (await doors.maps.ProposeAccountMap(request)).account_map


def approval(proposed: maps_wire.AccountMap) -> maps_api.ApproveAccountMapRequest:
    return maps_api.ApproveAccountMapRequest(
        request_id=IDS.new_id(), version=proposed.version, content_hash=proposed.content_hash
    )


async def test_the_whole_service_serves_maps_and_batches(books: Books) -> None:
    async with books.running(), books.service.channel("maker") as channel:
        shown = await AccountMapServiceStub(channel).GetAccountMap(maps_api.GetAccountMapRequest())
        assert shown.account_map.version == 0
        listed = await ExportServiceStub(channel).ListExportBatches(api.ListExportBatchesRequest())
        assert list(listed.batches) == []


async def test_a_map_comes_into_force_by_two_persons_only(doors: Doors) -> None:
    proposed = await propose(doors, entry("BANK", "1"))
    with pytest.raises(RemoteError) as error:
        await doors.maps.ApproveAccountMap(approval(proposed))
    assert refused(error)[0] == "SELF_APPROVAL"
    shown = await doors.maps.GetAccountMap(maps_api.GetAccountMapRequest())
    assert shown.account_map.version == 0
    request = approval(proposed)
    answer = await doors.maps_of_checker.ApproveAccountMap(request)
    assert answer == await doors.maps_of_checker.ApproveAccountMap(request), "a repeat is the same"
    active = answer.account_map
    assert (active.state, active.propose_subject, active.decide_subject) == (
        maps_wire.AccountMap.STATE_ACTIVE, "maker", "checker",
    )  # fmt: skip
    shown = await doors.maps.GetAccountMap(maps_api.GetAccountMapRequest())
    assert shown.account_map == active
    told = "SELECT type FROM event_journal WHERE agg_type = 'account_map'"
    assert await doors.books.rows(told) == [("tandem.finance.v1.AccountMapActivated",)]


async def test_what_the_checker_did_not_read_is_not_approved(doors: Doors) -> None:
    proposed = await propose(doors, entry("BANK", "1"))
    other = approval(proposed)
    other.content_hash = "0" * 64
    with pytest.raises(RemoteError) as error:
        await doors.maps_of_checker.ApproveAccountMap(other)
    assert refused(error) == (
        "ACCOUNT_MAP_NOT_PROPOSED", {"version": "1", "state": "OTHER_CONTENT"},
    )  # fmt: skip


async def test_of_two_proposals_on_one_map_only_the_first_can_be_approved(doors: Doors) -> None:
    first, second = [await propose(doors, entry("BANK", str(n))) for n in (1, 2)]
    await doors.maps_of_checker.ApproveAccountMap(approval(first))
    with pytest.raises(RemoteError) as error:
        await doors.maps_of_checker.ApproveAccountMap(approval(second))
    assert refused(error)[0] == "VERSION_MISMATCH"
    with pytest.raises(RemoteError) as error:
        await propose(doors, entry("BANK", "3"), base=0)
    assert refused(error)[0] == "VERSION_MISMATCH"
    third = await propose(doors, entry("BANK", "3"), base=1)
    await doors.maps_of_checker.ApproveAccountMap(approval(third))
    listed = await doors.maps.ListAccountMaps(maps_api.ListAccountMapsRequest(page_size=2))
    states = maps_wire.AccountMap.State.Name
    found = [(m.version, states(m.state)) for m in listed.account_maps]
    assert found == [(3, "STATE_ACTIVE"), (2, "STATE_PROPOSED")]
    more = maps_api.ListAccountMapsRequest(page_size=2, page_token=listed.next_page_token)
    rest = (await doors.maps.ListAccountMaps(more)).account_maps
    assert [(m.version, states(m.state)) for m in rest] == [(1, "STATE_RETIRED")]


async def test_a_rejected_map_stays_on_record_and_cannot_be_approved(doors: Doors) -> None:
    proposed = await propose(doors, entry("BANK", "1"))
    reject = maps_api.RejectAccountMapRequest(
        request_id=IDS.new_id(), version=proposed.version, note="no"
    )
    await doors.maps_of_checker.RejectAccountMap(reject)
    with pytest.raises(RemoteError) as error:
        await doors.maps_of_checker.ApproveAccountMap(approval(proposed))
    assert refused(error)[1]["state"] == "REJECTED"


async def test_a_map_that_cannot_be_is_refused_with_its_entry(doors: Doors) -> None:
    with pytest.raises(RemoteError) as error:
        await propose(doors, entry("TAX", "1", dimensions={"a": "1"}),
                      entry("TAX", "2", dimensions={"b": "1"}))  # fmt: skip
    assert refused(error) == (
        "ACCOUNT_MAP_AMBIGUOUS", {"role": "TAX", "first": "entries[0]", "second": "entries[1]"},
    )  # fmt: skip
    with pytest.raises(RemoteError) as error:
        await propose(doors, entry("TAX", "1", since_date="2026-02-31"))
    assert refused(error)[1] == {"fields": "entries[0].since_date"}


@pytest.mark.parametrize(
    "broken",
    [
        {"legal_entity": "\x00"}, {"dimensions": {"a": "\x00"}}, {"dimensions": {"\x00": "a"}},
        {"segments": {"account": "a\nb"}}, {"segments": {"account": ""}}, {"role": "a role"},
    ],
)  # fmt: skip
async def test_text_no_account_can_hold_is_refused_by_the_contract(
    doors: Doors, broken: dict[str, Any]
) -> None:
    values: dict[str, Any] = {"role": "TAX", "segments": {"account": "1"}, **broken}
    with pytest.raises(RemoteError) as error:
        await propose(doors, maps_wire.AccountMapEntry(**values))
    assert refused(error)[0] == "VALIDATION_FAILED"


async def test_two_approvals_at_once_leave_one_map_in_force(doors: Doors) -> None:
    proposed = [await propose(doors, entry("BANK", str(n))) for n in range(4)]
    answers = await asyncio.gather(
        *(doors.maps_of_checker.ApproveAccountMap(approval(p)) for p in proposed),
        return_exceptions=True,
    )
    failed = [a for a in answers if isinstance(a, RemoteError)]
    assert [error.reason for error in failed] == ["VERSION_MISMATCH"] * 3
    in_force = "SELECT count(*) FROM account_map WHERE state = 'ACTIVE'"
    assert await doors.books.rows(in_force) == [(1,)]


async def test_a_line_is_resolved_with_the_entry_that_won_or_what_is_missing(doors: Doors) -> None:
    def ask(role: str) -> maps_api.ResolveAccountRequest:
        return maps_api.ResolveAccountRequest(role=role, accounting_date="2026-03-02", **MAIN)

    found = await doors.maps.ResolveAccount(ask("BANK"))
    assert dict(found.segments) == {"account": "1000 - Bank"}
    assert found.entry.role == "BANK"
    missing = await doors.maps.ResolveAccount(ask("NOT_A_ROLE"))
    assert (dict(missing.segments), missing.hint) == ({}, "add an entry for role NOT_A_ROLE")


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
