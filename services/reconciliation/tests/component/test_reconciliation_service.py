"""Reconciliation from the bus to its rpcs: whatever arrives however, the exceptions are the same.

Goal: deliveries twice, reversed or lost, an enum nobody knows and kills leave the same exceptions,
and each rpc answers. Method: the whole service, real Postgres and NATS, three sources whose bus the
test holds. Left out: judging groups, which the unit tests cover.
"""

from __future__ import annotations

import json
import signal
from typing import Any

import grpc
import pytest
from tandem.connector.v1 import events_pb2 as connector
from tandem.ops.v1 import operations_service_pb2 as ops
from tandem.reconciliation.v1 import reconciliation_service_pb2 as api
from tandem_core.ids import Uuid7Factory
from tandem_platform.remote_error import RemoteError
from tandem_reconciliation.bootstrap import build
from tandem_reconciliation.settings import ReconciliationSettings
from tandem_testing.eventually import eventually
from tandem_testing.service_under_test import end

from .conftest import PACKAGE, Reconciled
from .shop_events import OBSERVATIONS, captured, listed, posted, released, shipped

IDS = Uuid7Factory()
OPEN, RESOLVED = "STATE_OPEN", "STATE_AUTO_RESOLVED"


def run(checkpoint: str = "", request_id: str = "") -> api.RunCheckpointRequest:
    return api.RunCheckpointRequest(request_id=request_id or IDS.new_id(), checkpoint=checkpoint)


async def exceptions(reconciled: Reconciled, state: Any = OPEN) -> list[tuple[str, str]]:
    """Two at a time, until there are no more."""
    found: list[tuple[str, str]] = []
    token = ""
    while True:
        request = api.ListReconciliationExceptionsRequest(
            page_size=2, page_token=token, state=state
        )
        page = await reconciled.stub.ListReconciliationExceptions(request)
        found += [(case.type, case.key) for case in page.exceptions]
        token = page.next_page_token
        if not token:
            return sorted(found)


async def test_a_clean_order_told_twice_reversed_and_with_losses_leaves_no_exception(
    reconciled: Reconciled,
) -> None:
    async with reconciled.service.in_process(ReconciliationSettings, build):
        events = await reconciled.orders.record("o1", released("o1"), shipped("o1"), captured("o1"))
        await reconciled.orders.publish([events[2], events[2], events[1]])  # the first is lost
        journals = [("j1", events[1].event_id), ("j2", events[2].event_id)]
        for journal_id, source in journals:
            told = await reconciled.books.tell(journal_id, posted(journal_id, source))
            await reconciled.books.publish(told)
        await reconciled.connectors.tell("cap-o1", listed("o1"))
        await reconciled.observed(OBSERVATIONS)
        done = (await reconciled.stub.RunCheckpoint(run())).runs
        assert [(r.checkpoint, r.matched_count) for r in done] == [("C1", 1), ("C3", 2), ("C5", 1)]
        assert await exceptions(reconciled) == []


async def test_breaks_are_listed_in_pages_and_resolve_when_the_missing_side_arrives(
    reconciled: Reconciled,
) -> None:
    async with reconciled.service.in_process(ReconciliationSettings, build):
        for name in ("o1", "o2", "o3"):
            await reconciled.connectors.tell(f"cap-{name}", listed(name))
        await reconciled.observed(3)
        await reconciled.stub.RunCheckpoint(run("C5"))
        unknown = [("UNKNOWN_IN_SETTLEMENT", f"cap-{name}") for name in ("o1", "o2", "o3")]
        assert await exceptions(reconciled) == unknown
        await reconciled.orders.tell("o2", captured("o2"))
        await reconciled.observed(5)
        await reconciled.stub.RunCheckpoint(run("C5"))
        assert await exceptions(reconciled) == [unknown[0], unknown[2]]
        assert await exceptions(reconciled, RESOLVED) == [unknown[1]]
        await one_exception_is_shown_as_listed(reconciled)
        runs = await reconciled.stub.ListCheckpointRuns(api.ListCheckpointRunsRequest(page_size=1))
        assert [r.open_exception_count for r in runs.runs] == [2]
        more = api.ListCheckpointRunsRequest(page_size=1, page_token=runs.next_page_token)
        older = await reconciled.stub.ListCheckpointRuns(more)
        assert [r.open_exception_count for r in older.runs] == [3]


async def one_exception_is_shown_as_listed(reconciled: Reconciled) -> None:
    page = await reconciled.stub.ListReconciliationExceptions(
        api.ListReconciliationExceptionsRequest()
    )
    assert len(page.exceptions) == 3
    for listed_case in page.exceptions:
        asked = api.GetReconciliationExceptionRequest(exception_id=listed_case.id)
        shown = await reconciled.stub.GetReconciliationException(asked)
        assert shown.exception == listed_case


async def test_a_repeated_run_is_answered_as_the_first_and_another_body_is_refused(
    reconciled: Reconciled,
) -> None:
    async with reconciled.service.in_process(ReconciliationSettings, build):
        request = run("C1")
        first = await reconciled.stub.RunCheckpoint(request)
        assert await reconciled.stub.RunCheckpoint(request) == first
        assert await reconciled.rows("SELECT count(*) FROM checkpoint_run") == [(1,)]
        stub = reconciled.stub
        other = await refusal(stub.RunCheckpoint(run("C3", request.request_id)))
        assert other == (grpc.StatusCode.INVALID_ARGUMENT, "REQUEST_ID_REUSED")
        assert (await refusal(stub.RunCheckpoint(run("C9"))))[1] == "CHECKPOINT_UNKNOWN"
        missing = api.GetReconciliationExceptionRequest(exception_id=IDS.new_id())
        assert (await refusal(stub.GetReconciliationException(missing)))[1] == "NOT_FOUND"


async def refusal(call: Any) -> tuple[grpc.StatusCode, str]:
    with pytest.raises(RemoteError) as refused:
        await call
    return refused.value.code, refused.value.reason


async def test_an_unknown_action_parks_its_transaction_only_and_is_kept_when_repaired(
    reconciled: Reconciled,
) -> None:
    async with reconciled.service.in_process(ReconciliationSettings, build):
        await reconciled.connectors.tell("cap-o1", listed("o1", action=17))
        await reconciled.connectors.tell("cap-o2", listed("o2"))
        await reconciled.observed(1)

        async def letters() -> list[tuple[str, str]]:
            found = await reconciled.operations.ListDeadLetters(
                ops.ListDeadLettersRequest(state="STATE_OPEN")
            )
            return [(x.reason, x.aggregate_id) for x in found.dead_letters]

        await eventually(letters, [("UNSUPPORTED_ENUM", "cap-o1")])
        await requeue_as_capture(reconciled)
        await reconciled.observed(2)
        assert await letters() == []


async def requeue_as_capture(reconciled: Reconciled) -> None:
    (letter,) = (
        await reconciled.operations.ListDeadLetters(ops.ListDeadLettersRequest())
    ).dead_letters
    asked = ops.GetDeadLetterRequest(dead_letter_id=letter.id)
    shown = (await reconciled.operations.GetDeadLetter(asked)).dead_letter
    payload = json.loads(shown.payload_json)
    payload["action"] = connector.PaymentAction.Name(connector.PAYMENT_ACTION_CAPTURE)
    await reconciled.operations.RequeueDeadLetter(
        ops.RequeueDeadLetterRequest(
            request_id=IDS.new_id(), dead_letter_id=letter.id,
            repaired_payload_json=json.dumps(payload), note="a capture by its new name",
        )
    )  # fmt: skip


POINTS = (
    "consumer.before_commit",
    "consumer.after_commit",
    "consumer.before_ack",
    "unit_of_work.before_commit",
    "unit_of_work.after_commit",
)


async def test_kills_at_every_point_lose_and_double_no_observation_and_no_exception(
    reconciled: Reconciled,
) -> None:
    # Runs commit a unit of work of their own: often here, so that the points are met.
    reconciled.service.fields["run_interval_s"] = 0.2
    for number, point in enumerate(POINTS):
        process = reconciled.service.start(PACKAGE, f"{point}:kill:1")

        async def died(running: Any = process) -> bool:
            return running.poll() is not None

        try:
            await reconciled.connectors.tell(f"cap-{number}", listed(str(number)))
            await eventually(died, True, wait_s=40)
        finally:
            end(process)
        assert process.returncode == -signal.SIGKILL, point
    process = reconciled.service.start(PACKAGE)
    try:
        await reconciled.observed(len(POINTS), wait_s=40)
        opened = "SELECT type, count(*) FROM event_journal GROUP BY type"
        expected = [
            ("tandem.reconciliation.v1.ReconciliationExceptionOpened", len(POINTS)),
        ]
        await eventually(lambda: reconciled.rows(opened), expected, wait_s=40)
    finally:
        assert end(process) == 0
