"""Ten thousand journals through an ERP with bad days: nothing is missing and nothing is double.

Goal: whatever the ERP does, its books become ours, each journal once. Method: real Postgres, the
simulated ERP as a process of its own that keeps no name unique, faults planned by count; time is a
clock the test moves. Left out: kills of our own process, in `test_kills_of_the_export.py`.
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator, Callable, Iterator

import pytest
from sqlalchemy.exc import IntegrityError
from tandem_erp_simulator.process import ErpProcess
from tandem_finance_posting.adapters.postgres.account_map_rows import PostgresAccountMaps
from tandem_finance_posting.adapters.postgres.export_rows import PostgresExportStore
from tandem_finance_posting.adapters.rules.account_map_file import default_account_map
from tandem_finance_posting.application.approve_account_map import ApproveAccountMap
from tandem_finance_posting.application.propose_account_map import ProposeAccountMap
from tandem_finance_posting.application.release_export_hold import ReleaseExportHold
from tandem_finance_posting.application.send_export_batch import SendExportBatch
from tandem_finance_posting.domain.account_map import MapEntry
from tandem_finance_posting.domain.errors import ExportOutcomeUnknown
from tandem_finance_posting.domain.export_batch_lines import LedgerKey
from tandem_platform.database import Database
from tandem_platform.event_journal import EventJournal
from tandem_platform.unit_of_work import UnitOfWorkFactory
from tandem_testing.child_process import free_port

from .export_under_test import TENANT, TOKEN, ExportUnderTest, export_under_test

REVENUE, COGS, PAYABLE = "4000 - Product Sales", "5000 - Cost of Goods Sold", "2100"


@pytest.fixture(scope="module")
def erp(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ErpProcess]:
    erp = ErpProcess(tmp_path_factory.mktemp("erp"), free_port(), TOKEN)
    yield erp
    erp.stop()


@pytest.fixture
async def export(
    migrated_database: Callable[[str], str], erp: ErpProcess
) -> AsyncIterator[ExportUnderTest]:
    database = Database(migrated_database("tandem_finance_posting"), pool_size=16)
    units = UnitOfWorkFactory(database, EventJournal("finance", 4))
    async with export_under_test(units, erp) as export:
        yield export
    await database.close()


async def test_ten_thousand_journals_pass_an_erp_with_bad_days(export: ExportUnderTest) -> None:
    export.lines_max, export.journals_max = 150, 2_500
    await export.journals(10_000)
    for fault in ("lose_reply", "rate_limit", "maintenance", "server_error"):
        for action in ("create", "submit", "read"):
            export.erp.tell("faults", fault=fault, action=action, times=4)
    await export.run()
    assert export.erp.ask("faults")["faults"] == [], "the bad days were not lived through"
    assert set(await export.states()) == {"RECONCILED"}
    await export.nothing_is_missing_or_double()
    assert await export.rows("SELECT count(*) FROM export_member WHERE state = 'ACKED'") == [
        (10_000,)
    ]
    assert "ExportBatchUnknown" in await export.news()


@pytest.mark.parametrize("action", ["create", "submit", "read"])
async def test_a_lost_reply_is_looked_up_before_anything_is_sent_again(
    export: ExportUnderTest, action: str
) -> None:
    await export.journals(9)
    export.erp.tell("faults", fault="lose_reply", action=action, times=1)
    await export.loop().work()
    await export.run()
    await export.nothing_is_missing_or_double()
    entries = export.erp.ask("entries")["by_docstatus"]
    assert entries == {"1": 3}, "a document of each day, and no draft left behind"


async def test_an_erp_killed_in_the_middle_gets_the_rest_when_it_is_back(
    export: ExportUnderTest,
) -> None:
    export.lines_max = 20
    await export.journals(300)
    export.erp.tell("faults", fault="delay", action="create", times=1, seconds=0.2)
    working = asyncio.create_task(export.loop().work())
    await asyncio.sleep(0)
    await asyncio.to_thread(export.erp.stop, signal.SIGKILL)
    await working
    assert "RECONCILED" not in await export.states()
    await asyncio.to_thread(export.erp.start)
    await export.run()
    await export.nothing_is_missing_or_double()


async def test_postings_queue_while_the_erp_is_down_and_documents_stall_for_a_person(
    export: ExportUnderTest,
) -> None:
    export.attempts_max = 3
    await export.journals(6)
    export.erp.stop()
    loop = export.loop()
    for _ in range(10):
        await loop.work()
        export.clock.advance(2)
    assert set(await export.groups()) == {"STALLED"}
    assert "ExportBatchStalled" in await export.news()
    export.erp.start()
    await export.loop().work()
    assert set(await export.groups()) == {"STALLED"}, "a stalled document waits for a person"
    await revive(export)
    await export.run()
    await export.nothing_is_missing_or_double()


async def revive(export: ExportUnderTest) -> None:
    for (batch_id,) in await export.rows("SELECT id::text FROM export_batch"):
        async with export.units() as uow:
            send = SendExportBatch(TENANT, batch_id)
            await send.carry_out(PostgresExportStore(uow), export.loop().moment())
            await uow.commit()


async def test_what_may_be_in_the_erp_is_not_sent_again_by_call(export: ExportUnderTest) -> None:
    await export.journals(3)
    export.erp.tell("faults", fault="lose_reply", action="submit", times=3)
    loop = export.loop()
    await loop.prepare()
    claims = await loop._claim()
    for claim in claims:
        await loop._deliver(export.gateway, claim)
    assert await export.states() == ["UNKNOWN"]
    with pytest.raises(ExportOutcomeUnknown) as refused:
        await revive(export)
    assert refused.value.external_id in {claim.document.external_id for claim in claims}
    await export.run()
    await export.nothing_is_missing_or_double()


async def test_a_throttled_erp_is_left_alone_as_long_as_it_asks(export: ExportUnderTest) -> None:
    await export.journals(30)
    export.erp.tell("faults", fault="rate_limit", action="read", times=2)
    loop = export.loop()
    await loop.work()
    left = export.erp.ask("faults")["faults"]
    assert left == [], "documents at the ERP together hear it together"
    before = await export.groups()
    await loop.work()
    assert await export.groups() == before, "it was asked again before its time"
    await export.run()
    await export.nothing_is_missing_or_double()


async def test_a_refused_account_holds_its_journals_and_no_others(export: ExportUnderTest) -> None:
    export.erp.tell("accounts", account=COGS, frozen=True)
    await export.journals(30)
    await export.run()
    # Every third journal has cost lines, and each document has some of them.
    assert await export.states() == ["PARTIAL"]
    held = await export.rows(
        "SELECT count(*), min(code), min(state) FROM export_hold WHERE state <> 'EXPORTED'"
    )
    assert held == [(10, "AccountFrozenError", "HELD")]
    assert await export.rows("SELECT count(*) FROM export_group WHERE generation = 2") == [(3,)]
    await export.nothing_is_missing_or_double()
    export.erp.tell("accounts", account=COGS, frozen=False)
    await release_all(export)
    await export.run()
    assert await export.states() == ["PARTIAL", "RECONCILED"]
    assert await export.rows("SELECT DISTINCT state FROM export_hold") == [("EXPORTED",)]
    await export.nothing_is_missing_or_double()


async def release_all(export: ExportUnderTest) -> None:
    async with export.units() as uow:
        for (journal_id,) in await export.rows("SELECT journal_id::text FROM export_hold"):
            await ReleaseExportHold(TENANT, journal_id).carry_out(PostgresExportStore(uow))
        await uow.commit()


async def test_a_document_refused_as_a_whole_rejects_the_batch(export: ExportUnderTest) -> None:
    export.erp.tell("accounts", account=REVENUE, frozen=True)
    await export.journals(6)
    await export.run()
    assert await export.states() == ["REJECTED"]
    assert "ExportBatchRejected" in await export.news()
    assert await export.rows("SELECT count(*) FROM export_hold WHERE state = 'HELD'") == [(6,)]
    await export.nothing_is_missing_or_double()


async def test_an_erp_that_keeps_names_unique_is_compared_not_doubled(
    export: ExportUnderTest,
) -> None:
    """Our lookup is blind once, as when another call of ours is faster."""
    export.erp.tell("unique", unique=True)
    await export.journals(3)
    loop = export.loop()
    await loop.prepare()
    claimed = await loop._claim()
    first = await export.gateway.post(claimed[0].document)
    entry = export.gateway._entry
    seen: list[object] = []

    async def blind(document: object) -> object:
        seen.append(document)
        return None if len(seen) == 1 else await entry(document)  # type: ignore[arg-type]

    export.gateway._entry = blind  # type: ignore[method-assign]
    assert await export.gateway.post(claimed[0].document) == first
    assert export.erp.ask("entries")["twice"] == []


async def test_something_else_under_our_name_in_the_erp_is_never_overwritten(
    export: ExportUnderTest,
) -> None:
    await export.journals(3)
    loop = export.loop()
    await loop.prepare()
    claim = (await loop._claim())[0]
    await export.gateway.post(claim.document)
    await export.rows(
        "UPDATE export_line SET amount_minor = amount_minor + 1, functional_minor ="
        " functional_minor + 1 RETURNING 1"
    )
    export.clock.advance(100)
    for _ in range(5):
        await loop.work()
        export.clock.advance(100)
    stalled = await export.rows("SELECT code FROM export_group WHERE state = 'STALLED'")
    assert stalled == [("ERP_RECORD_DIFFERS",)]
    assert export.erp.ask("entries")["twice"] == []


async def test_a_memo_book_never_leaves(export: ExportUnderTest) -> None:
    await export.journals(6, ledger=LedgerKey(TENANT, "US01", "MEMO"))
    await export.loop().work()
    assert await export.states() == []


async def test_a_role_without_account_is_held_and_goes_by_itself_with_a_new_map(
    export: ExportUnderTest,
) -> None:
    await export.journals(2)
    await export.journals(2, debit="NEW_ROLE")
    await export.run()
    found = await export.rows("SELECT code, role, hint, map_version FROM export_hold")
    assert found == [("UNMAPPED", "NEW_ROLE", "add an entry for role NEW_ROLE", 0)] * 2
    await export.nothing_is_missing_or_double()
    await approve_map_with(export, "NEW_ROLE", "1010 - Tills")
    await export.run()
    assert await export.states() == ["RECONCILED", "RECONCILED"]
    assert await export.rows("SELECT DISTINCT state FROM export_hold") == [("EXPORTED",)]
    assert export.erp_sums()["TILL"] == (7 * 3 + 7 * 4, 0)


async def approve_map_with(export: ExportUnderTest, role: str, account: str) -> None:
    shipped = default_account_map()
    entries = (*shipped.entries, MapEntry(role, {"account": account}))
    propose = ProposeAccountMap(TENANT, "maker", entries, shipped.families, 0, "a new role")
    async with export.units() as uow:
        store, now = PostgresAccountMaps(uow), export.clock.now()
        made = await propose.carry_out(store, now)
        approve = ApproveAccountMap(TENANT, "checker", made.map.version, made.content_hash, "")
        await approve.carry_out(store, now)
        await uow.commit()


async def test_two_replicas_send_no_document_twice(export: ExportUnderTest) -> None:
    export.lines_max = 10
    await export.journals(400)
    loops = [export.loop() for _ in range(3)]
    for _ in range(20):
        await asyncio.gather(*(loop.work() for loop in loops), return_exceptions=False)
        export.clock.advance(2)
    assert set(await export.states()) == {"RECONCILED"}
    await export.nothing_is_missing_or_double()


async def test_a_journal_in_a_live_batch_cannot_be_put_into_another(
    export: ExportUnderTest,
) -> None:
    await export.journals(3)
    await export.loop().prepare()
    with pytest.raises(IntegrityError):
        await export.rows("""
            INSERT INTO export_member (tenant, batch_id, journal_id, sequence, accounting_date,
                                       state)
            SELECT tenant, gen_random_uuid(), journal_id, sequence, accounting_date, 'PENDING'
            FROM export_member RETURNING 1
        """)


async def test_journals_posted_while_batches_are_built_are_in_the_next_one(
    export: ExportUnderTest,
) -> None:
    export.journals_max = 7
    for count in (5, 9, 1, 20):
        await export.journals(count)
        await export.loop().work()
    await export.run()
    await export.nothing_is_missing_or_double()
    gaps = "SELECT count(*), min(sequence), max(sequence) FROM export_member"
    assert await export.rows(gaps) == [(35, 1, 35)]
