"""Cases of more being promised than there is, over the wire on real Postgres."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
from tandem.inventory.v1 import config_service_pb2 as config
from tandem.inventory.v1 import conflict_case_pb2 as wire
from tandem.inventory.v1 import conflict_service_pb2 as api
from tandem.inventory.v1 import reservation_service_pb2 as reservation_api
from tandem.inventory.v1 import stock_ops_service_pb2 as ops
from tandem.inventory.v1 import stock_policy_pb2 as policies
from tandem_inventory_availability.adapters.postgres.conflict_reads import ConflictReads
from tandem_inventory_availability.domain.conflict_case import ConflictPolicy, ResolutionKind
from tandem_inventory_availability.entrypoints.conflict_loop import ConflictDesk
from tandem_platform.remote_error import RemoteError

from .stock_under_test import (
    DC,
    DC2,
    SOFT,
    TEE,
    Running,
    at,
    line,
    new_id,
    outcomes,
    reserve_request,
)

Kind, State = wire.ConflictResolution, wire.ConflictCase


def desk(stock: Running, policy: ConflictPolicy | None = None) -> ConflictDesk:
    reads = ConflictReads(stock.database, stock.clock)
    return ConflictDesk(stock.units, reads, stock.clock, policy or ConflictPolicy())


async def cases(stock: Running, **values: object) -> list[wire.ConflictCase]:
    answer = await stock.conflicts.ListConflicts(api.ListConflictsRequest(**values))
    return list(answer.conflicts)


async def apply(
    stock: Running, case: wire.ConflictCase, kind: int, **values: object
) -> wire.ConflictCase:
    step = next(item for item in case.resolutions if item.kind == kind)
    request = api.ApplyResolutionRequest(
        request_id=new_id(),
        conflict_id=case.id,
        number=step.number,
        reason="agreed with the shop",
        **values,
    )
    return (await stock.conflicts.ApplyResolution(request)).conflict


async def told(stock: Running) -> list[str]:
    rows = await stock.rows(
        "SELECT type FROM event_journal WHERE agg_type = 'conflict_case' ORDER BY id"
    )
    return [str(row[0]).rpartition(".")[2] for row in rows]


async def every_deficit_has_one_open_case(stock: Running) -> None:
    """Invariant 27 at rest: what is short has exactly one open case, what is not has no deficit."""
    short = await stock.rows("""
        SELECT sku, location, -(on_hand - hard - soft - unsettled - leased + backordered)
        FROM stock_position
        WHERE on_hand - hard - soft - unsettled - leased + backordered < 0 ORDER BY 1, 2
    """)
    open_ones = await stock.rows("""
        SELECT sku, location, deficit FROM conflict_case
        WHERE open AND deficit > 0 AND location <> '' ORDER BY 1, 2
    """)
    assert short == open_ones
    flagged = await stock.rows(
        "SELECT sku, location FROM stock_position WHERE in_conflict ORDER BY 1, 2"
    )
    known = await stock.rows(
        "SELECT sku, location FROM conflict_case WHERE open AND location <> '' ORDER BY 1, 2"
    )
    assert flagged == known


async def test_a_case_opens_in_the_change_that_made_it_and_follows_the_stock(
    stock: Running,
) -> None:
    """Seen to fail with the hook in `stock_transaction.store` taken out."""
    await stock.signal(sequence=1, snapshot=10)
    await stock.reserve(line(TEE, 8))
    await stock.signal(sequence=2, delta=-5)
    (case,) = await cases(stock)
    assert (case.sku, case.location, case.deficit_quantity) == (TEE, DC, 3)
    assert case.state == State.STATE_OPEN
    assert (await stock.position()).in_conflict
    await stock.signal(sequence=3, delta=-1)
    (case,) = await cases(stock)
    assert (case.deficit_quantity, case.deficit_quantity_max) == (4, 4)
    await stock.signal(sequence=4, delta=2)
    (case,) = await cases(stock)
    assert (case.deficit_quantity, case.deficit_quantity_max) == (2, 4)
    await every_deficit_has_one_open_case(stock)
    assert await told(stock) == ["ConflictOpened", "ConflictUpdated", "ConflictUpdated"]
    assert await stock.differences() == []


async def test_a_case_closes_by_itself_after_its_grace_and_not_before(stock: Running) -> None:
    await stock.signal(sequence=1, snapshot=5)
    await stock.reserve(line(TEE, 5))
    await stock.signal(sequence=2, delta=-2)
    await stock.signal(sequence=3, delta=2)
    (case,) = await cases(stock)
    assert case.deficit_quantity == 0
    await desk(stock).work()
    assert (await cases(stock))[0].state != State.STATE_AUTO_CLOSED
    stock.clock.advance(61)
    await desk(stock).work()
    assert await cases(stock) == []
    (closed,) = await cases(stock, include_closed=True)
    assert closed.state == State.STATE_AUTO_CLOSED
    assert not (await stock.position()).in_conflict
    await stock.signal(sequence=4, delta=-1)
    (again,) = await cases(stock)
    assert again.id != case.id
    await every_deficit_has_one_open_case(stock)


async def test_victims_are_holds_first_and_then_the_newest(stock: Running) -> None:
    await stock.signal(sequence=1, snapshot=12)
    first = await stock.reserve(line(TEE, 4))
    stock.clock.advance(1)
    second = await stock.reserve(line(TEE, 4))
    hold = await stock.reserve(line(TEE, 4), kind=SOFT, ttl_s=3600)
    await stock.signal(sequence=2, delta=-7)
    await desk(stock).work()
    (case,) = await cases(stock)
    assert case.state == State.STATE_PROPOSED
    assert [(v.reservation_id, v.quantity, v.soft) for v in case.victims] == [
        (hold.id, 4, True),
        (second.id, 3, False),
    ]
    assert first.id not in [victim.reservation_id for victim in case.victims]
    assert list(case.channels) == ["web"]


async def test_the_first_promise_to_break_says_when(stock: Running) -> None:
    await stock.signal(sequence=1, snapshot=4)
    need = stock.clock.now() + timedelta(hours=30)
    wanted = line(TEE, 4)
    wanted.need_by_time.CopyFrom(at(need))
    await stock.reserve(wanted)
    await stock.signal(sequence=2, delta=-1)
    await desk(stock).work()
    (case,) = await cases(stock, order=api.ListConflictsRequest.ORDER_BREAK_TIME)
    assert case.break_time == at(need - timedelta(hours=4))


async def test_units_move_to_a_location_that_has_some_and_the_case_is_resolved(
    stock: Running,
) -> None:
    await stock.signal(sequence=1, snapshot=6)
    await stock.count(TEE, 10, DC2)
    made = await stock.reserve(line(TEE, 6))
    await stock.signal(sequence=2, delta=-2)
    await desk(stock).work()
    (case,) = await cases(stock)
    step = case.resolutions[0]
    assert (step.kind, step.target, step.quantity, step.deficit_after) == (
        Kind.KIND_REPIN,
        DC2,
        2,
        0,
    )
    resolved = await apply(stock, case, Kind.KIND_REPIN)
    assert resolved.state == State.STATE_RESOLVED
    found = await stock.reservations.GetReservation(
        reservation_api.GetReservationRequest(reservation_id=made.id)
    )
    parts = {item.location: item.quantity for item in found.reservation.lines}
    assert parts == {DC: 4, DC2: 2}
    assert not (await stock.position()).in_conflict
    await every_deficit_has_one_open_case(stock)
    assert await stock.differences() == []
    assert (await told(stock))[-1] == "ConflictApplied"


async def test_a_step_that_would_hurt_elsewhere_by_now_is_refused(stock: Running) -> None:
    """Resolving never makes a new deficit. Seen to fail with `pin` not asking for room."""
    await stock.signal(sequence=1, snapshot=6)
    await stock.count(TEE, 2, DC2)
    await stock.reserve(line(TEE, 6))
    await stock.signal(sequence=2, delta=-2)
    await desk(stock).work()
    (case,) = await cases(stock)
    await stock.reserve(line(TEE, 1, DC2))
    with pytest.raises(RemoteError) as refused:
        await apply(stock, case, Kind.KIND_REPIN)
    assert refused.value.reason == "INSUFFICIENT_STOCK"
    assert (await stock.available(location=DC2)) == 1
    await every_deficit_has_one_open_case(stock)


async def test_a_recount_asks_the_location_to_count_and_the_case_notes_it(
    stock: Running,
) -> None:
    """Seen to fail with the count requests left out of `stock_transaction.store`."""
    await stock.signal(sequence=1, snapshot=3)
    await stock.reserve(line(TEE, 3))
    await stock.signal(sequence=2, delta=-2)
    await desk(stock).work()
    (case,) = await cases(stock)
    assert not case.HasField("count_request_time")
    noted = await apply(stock, case, Kind.KIND_RECOUNT)
    assert noted.count_request_time == at(stock.clock.now())
    listed = await stock.ops.ListCountRequests(ops.ListCountRequestsRequest(location=DC))
    (asked,) = listed.count_requests
    assert (asked.sku, asked.reason) == (TEE, f"conflict {case.id}")
    events = await stock.rows("SELECT agg_id FROM event_journal WHERE agg_type = 'count_request'")
    assert events == [(asked.id,)]
    await stock.signal(sequence=3, delta=-1)
    await desk(stock).work()
    (case,) = await cases(stock)
    assert (case.deficit_quantity, case.count_request_time) == (3, noted.count_request_time)
    assert Kind.KIND_RECOUNT not in [step.kind for step in case.resolutions]
    assert await stock.differences() == []


async def test_cancelling_takes_two_people_and_happens_once(stock: Running) -> None:
    await stock.signal(sequence=1, snapshot=3)
    made = await stock.reserve(line(TEE, 3))
    await stock.signal(sequence=2, delta=-3)
    await desk(stock).work()
    (case,) = await cases(stock)
    agreed = await apply(stock, case, Kind.KIND_CANCEL)
    assert agreed.state == State.STATE_APPROVED
    with pytest.raises(RemoteError) as refused:
        await apply(stock, case, Kind.KIND_CANCEL)
    assert refused.value.reason == "SECOND_PERSON_NEEDED"
    async with stock.units() as uow:
        await uow.connection.exec_driver_sql("""
            UPDATE conflict_case
            SET content = jsonb_set(content, '{agreed,0,1}', '"somebody else"')
        """)
        await uow.commit()
    done = await apply(stock, case, Kind.KIND_CANCEL)
    assert (done.state, done.deficit_quantity) == (State.STATE_RESOLVED, 0)
    found = await stock.reservations.GetReservation(
        reservation_api.GetReservationRequest(reservation_id=made.id)
    )
    assert found.reservation.lines[0].released_quantity == 3
    with pytest.raises(RemoteError) as closed:
        await apply(stock, case, Kind.KIND_CANCEL)
    assert closed.value.reason == "CONFLICT_STATE"
    await every_deficit_has_one_open_case(stock)


async def test_policy_lets_old_holds_go_without_anybody(stock: Running) -> None:
    await stock.signal(sequence=1, snapshot=5)
    hold = await stock.reserve(line(TEE, 2), kind=SOFT, ttl_s=7200)
    await stock.reserve(line(TEE, 3))
    stock.clock.advance(3600)
    await stock.signal(sequence=2, delta=-2)
    policy = ConflictPolicy(automatic=frozenset({ResolutionKind.DROP_HOLD}))
    await desk(stock, policy).work()
    assert await cases(stock) == []
    found = await stock.reservations.GetReservation(
        reservation_api.GetReservationRequest(reservation_id=hold.id)
    )
    assert found.reservation.lines[0].released_quantity == 2
    await every_deficit_has_one_open_case(stock)
    assert await stock.differences() == []


async def test_people_take_cases_and_hand_them_up(stock: Running) -> None:
    await stock.signal(sequence=1, snapshot=1)
    await stock.reserve(line(TEE, 1))
    await stock.signal(sequence=2, delta=-1)
    (case,) = await cases(stock)
    request = api.AssignConflictRequest(request_id=new_id(), conflict_id=case.id, assignee="ann")
    taken = (await stock.conflicts.AssignConflict(request)).conflict
    assert (taken.state, taken.assignee) == (State.STATE_TRIAGED, "ann")
    replay = (await stock.conflicts.AssignConflict(request)).conflict
    assert replay.version == taken.version
    up = api.EscalateConflictRequest(request_id=new_id(), conflict_id=case.id, reason="no stock")
    assert (await stock.conflicts.EscalateConflict(up)).conflict.state == State.STATE_ESCALATED
    got = await stock.conflicts.GetConflict(api.GetConflictRequest(conflict_id=case.id))
    assert got.conflict.version == taken.version + 1
    with pytest.raises(RemoteError) as missing:
        await stock.conflicts.GetConflict(api.GetConflictRequest(conflict_id=new_id()))
    assert missing.value.reason == "NOT_FOUND"


async def test_unpinned_claims_without_a_unit_left_are_a_case_of_their_group(
    stock: Running,
) -> None:
    entry = policies.PolicyEntry(id="NORTH", group=policies.SourcingGroupPolicy(members=[DC, DC2]))
    await stock.config.PutPolicies(config.PutPoliciesRequest(request_id=new_id(), entries=[entry]))
    await stock.signal(sequence=1, snapshot=5)
    wanted = reservation_api.ReserveLine(line_id="1", sku=TEE, group="NORTH", quantity=4)
    await stock.reserve(wanted)
    await stock.signal(sequence=2, delta=-3)
    await desk(stock).work()
    (case,) = await cases(stock)
    assert (case.group, case.location, case.deficit_quantity) == ("NORTH", "", 2)
    assert case.cause == State.CAUSE_GROUP_SHORT
    await stock.signal(sequence=3, delta=3)
    await desk(stock).work()
    stock.clock.advance(61)
    await desk(stock).work()
    assert await cases(stock) == []


async def test_concurrent_losses_and_claims_leave_one_open_case_for_each_shortage(
    stock: Running,
) -> None:
    """Invariant 27 under load, with the desk working beside it."""
    policy = ConflictPolicy(
        grace=timedelta(0),
        automatic=frozenset({ResolutionKind.REPIN, ResolutionKind.DROP_HOLD}),
        two_people=frozenset(),
    )
    for number, place in enumerate((DC, DC2), 1):
        await stock.count(TEE, 20 * number, place)
    working = desk(stock, policy)
    calls = [stock.reservations.Reserve(reserve_request(line(TEE, 2))) for _ in range(10)]
    losses = [
        stock.signal(source=f"loss-{n}", sequence=1, delta=-4, location=(DC, DC2)[n % 2])
        for n in range(8)
    ]
    await outcomes(*calls, *losses, working.work(), working.work())
    await every_deficit_has_one_open_case(stock)
    for _ in range(4):
        await working.work()
        await asyncio.sleep(0)
    await every_deficit_has_one_open_case(stock)
    assert await stock.differences() == []
