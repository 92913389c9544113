"""The process killed at every point of the way into the ERP: nothing missing, nothing double.

Goal: whatever dies, the ERP's books become ours, each journal once. Method: the process ends itself
at a named point while it exports; on the same data, with new journals, it is started again with
the next point. The ERP keeps no name unique, so a second sending would show. Left out: kills of
the ERP, in `test_export_through_a_faulty_erp.py`.
"""

from __future__ import annotations

import signal
from pathlib import Path

from tandem_erp_simulator.process import ErpProcess
from tandem_finance_posting.adapters.erp.erpnext_gateway import ErpNextGateway
from tandem_platform.event_journal import EventJournal
from tandem_platform.unit_of_work import UnitOfWorkFactory
from tandem_testing.child_process import free_port
from tandem_testing.eventually import eventually
from tandem_testing.service_under_test import end

from .books_under_test import Books
from .export_under_test import TOKEN, ExportUnderTest

POINTS = (
    "export.built:kill:1",
    "export.sealed:kill:1",
    "export.before_call:kill:2",
    "erpnext.after_draft:kill:2",
    "export.after_call:kill:2",
    "export.settled:kill:2",
    "unit_of_work.before_commit:kill:4",
)
WAIT_S = 40.0
CALL_TIMEOUT_S = 0.3


async def test_kills_at_every_point_lose_and_double_no_document(
    books: Books, tmp_path: Path
) -> None:
    erp = ErpProcess(tmp_path / "erp", free_port(), TOKEN)
    erp.start()
    books.service.fields |= {
        "export_target": "erpnext", "export_erp_url": erp.url, "export_interval_s": 0.1,
        "export_erp_key_file": str(erp.key_file), "export_timeout_s": CALL_TIMEOUT_S,
        "export_batch_s": 0, "export_lines_max": 10, "export_first_wait_ms": 20,
        "export_wait_ms_max": 200, "export_attempts_max": 10_000,
    }  # fmt: skip
    gateway = ErpNextGateway(erp.url, TOKEN, CALL_TIMEOUT_S)
    units = UnitOfWorkFactory(books.database, EventJournal("finance", 4))
    export = ExportUnderTest(units, erp, gateway)
    try:
        for point in POINTS:
            await export.journals(30)
            await dies_at(books, point)
        await lives(books, export)
    finally:
        await gateway.close()
        erp.stop()
    assert await export.rows("SELECT count(*) FROM export_member") == [(30 * len(POINTS),)]


async def dies_at(books: Books, point: str) -> None:
    """One life that ends itself."""
    running = books.start(point)

    async def died() -> bool:
        return running.poll() is not None

    try:
        await eventually(died, True, wait_s=WAIT_S)
        assert running.returncode == -signal.SIGKILL, point
    finally:
        end(running)


async def lives(books: Books, export: ExportUnderTest) -> None:
    """The last life, in which everything comes to its end."""
    running = books.start()

    async def states() -> set[str]:
        return set(await export.states())

    try:
        await eventually(states, {"RECONCILED"}, wait_s=WAIT_S)
        await export.nothing_is_missing_or_double()
    finally:
        assert end(running) == 0, "it did not end in peace"
