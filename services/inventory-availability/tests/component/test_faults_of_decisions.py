"""Plans, leases and steps of conflicts that fail after they were decided and before they are kept:
nothing of them is there, and the same request carries them out once.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable

import pytest
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message
from tandem.inventory.v1 import allocation_plan_pb2 as plans
from tandem.inventory.v1 import allocation_service_pb2 as allocation
from tandem.inventory.v1 import conflict_service_pb2 as conflicts
from tandem_inventory_availability.adapters.postgres.conflict_reads import ConflictReads
from tandem_inventory_availability.domain.conflict_case import ConflictPolicy
from tandem_inventory_availability.entrypoints.conflict_loop import ConflictDesk
from tandem_platform import fault_points
from tandem_platform.remote_error import RemoteError

from .stock_under_test import DC, DC2, TEE, Running, line, new_id

TABLES = (
    "stock_position", "ledger_entry", "reservation", "allocation_plan", "quota_lease",
    "lease_report", "conflict_case", "event_journal", "idempotency_record",
)  # fmt: skip


async def everything(stock: Running) -> list[object]:
    return [sorted(map(str, await stock.rows(f"SELECT * FROM {table}"))) for table in TABLES]


async def once_after_a_fault(
    stock: Running,
    monkeypatch: pytest.MonkeyPatch,
    call: Callable[[Message], Awaitable[Message]],
    request: Message,
) -> Message:
    """Fails after the decision, changes nothing, then happens once however often it is asked."""
    before = await everything(stock)
    fault = fault_points.parse("inventory.after_decision:raise")
    with monkeypatch.context() as broken:
        broken.setattr(fault_points, "_faults", fault)
        broken.setattr(fault_points, "_passes", Counter())
        with pytest.raises(RemoteError):
            await call(request)
    assert await everything(stock) == before
    answer = await call(request)
    after = await everything(stock)
    assert after != before
    assert await call(request) == answer
    assert await everything(stock) == after
    assert await stock.differences() == []
    return answer


async def test_a_plan_and_a_lease_that_fail_leave_nothing_and_happen_once(
    stock: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Seen to fail with the effect committed before the fault point."""
    await stock.count(TEE, 10)
    quota = plans.Quota(id="q", channel="store", mode=plans.Quota.MODE_FIXED, want=6)
    plan = allocation.PutAllocationPlanRequest(
        request_id=new_id(), sku=TEE, location=DC, quotas=[quota]
    )
    await once_after_a_fault(stock, monkeypatch, stock.allocation.PutAllocationPlan, plan)
    wanted = allocation.GrantLeaseRequest(
        request_id=new_id(),
        channel="store",
        device="till-1",
        sku=TEE,
        location=DC,
        quantity=4,
        time_to_live=Duration(seconds=600),
    )
    granted = await once_after_a_fault(stock, monkeypatch, stock.allocation.GrantLease, wanted)
    sold = allocation.ReportLeaseUsageRequest(
        request_id=new_id(),
        lease_id=granted.lease.id,  # type: ignore[attr-defined]  # a GrantLeaseResponse
        report="1",
        quantity=3,
    )
    await once_after_a_fault(stock, monkeypatch, stock.allocation.ReportLeaseUsage, sold)
    position = await stock.position()
    assert (position.on_hand, position.leased) == (7, 1)


async def test_a_step_of_a_conflict_that_fails_moves_nothing_and_happens_once(
    stock: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    await stock.signal(sequence=1, snapshot=4)
    await stock.count(TEE, 5, DC2)
    await stock.reserve(line(TEE, 4))
    await stock.signal(sequence=2, delta=-3)
    reads = ConflictReads(stock.database, stock.clock)
    await ConflictDesk(stock.units, reads, stock.clock, ConflictPolicy()).work()
    listed = await stock.conflicts.ListConflicts(conflicts.ListConflictsRequest())
    step = conflicts.ApplyResolutionRequest(
        request_id=new_id(), conflict_id=listed.conflicts[0].id, number=1, reason="moved"
    )
    await once_after_a_fault(stock, monkeypatch, stock.conflicts.ApplyResolution, step)
    assert (await stock.position(location=DC2)).hard_reserved == 3
    assert not (await stock.position()).in_conflict
