"""Explanations that add up, states as readers saw them, figures written anew by two people."""

from __future__ import annotations

import random
from datetime import datetime

import pytest
from tandem.inventory.v1 import availability_service_pb2 as api
from tandem.inventory.v1 import config_service_pb2 as config
from tandem.inventory.v1 import events_pb2
from tandem.inventory.v1 import stock_policy_pb2 as policy
from tandem.inventory.v1.stock_position_pb2 import StockPosition
from tandem_platform.remote_error import RemoteError

from .stock_under_test import DC, SOFT, TEE, Running, at, line, new_id


async def explain(stock: Running, **values: object) -> api.ExplainAvailabilityResponse:
    request = api.ExplainAvailabilityRequest(sku=TEE, location=DC, **values)
    found = await stock.availability.ExplainAvailability(request)
    assert sum(term.units for term in found.terms) == found.available
    return found


async def as_of(stock: Running, **values: object) -> StockPosition:
    request = api.GetPositionAsOfRequest(sku=TEE, location=DC, as_of=api.StateAsOf(**values))
    return (await stock.availability.GetPositionAsOf(request)).stock_position


async def safety(stock: Running, quantity: int, entry_id: str = "s") -> None:
    entry = policy.PolicyEntry(id=entry_id, safety=policy.SafetyPolicy(quantity=quantity))
    await stock.config.PutPolicies(config.PutPoliciesRequest(request_id=new_id(), entries=[entry]))


async def test_an_explanation_names_rules_entries_and_reservations(stock: Running) -> None:
    await stock.count(TEE, 10)
    held = await stock.reserve(line(TEE, 2))
    await safety(stock, 3, "winter")
    found = await explain(stock)
    terms = {term.name: (term.units, term.rule_id) for term in found.terms}
    assert terms == {"ON_HAND": (10, ""), "HARD": (-2, ""), "SAFETY": (-3, "winter")}
    assert [entry.cause for entry in found.ledger_entries] == ["SNAPSHOT"]
    assert [(c.reservation_id, c.quantity) for c in found.claims] == [(held.id, 2)]


async def test_a_past_figure_is_explained_by_the_rules_of_then(stock: Running) -> None:
    await stock.count(TEE, 10)
    await safety(stock, 3, "winter")
    then = stock.clock.now()
    stock.clock.advance(60)
    await safety(stock, 5, "winter")
    await stock.count(TEE, 4, sequence=2)
    assert (await explain(stock)).available == 0
    past = await explain(stock, as_of=api.StateAsOf(time=at(then)))
    assert past.available == 7
    assert past.policy_version < (await explain(stock)).policy_version


async def step(stock: Running, dice: random.Random, number: int) -> None:
    """Something happens to TEE at DC."""
    choice = dice.randrange(4)
    try:
        if choice == 0:
            await stock.count(TEE, dice.randrange(3, 15), sequence=number + 2)
        elif choice == 1:
            await stock.reserve(line(TEE, dice.randrange(1, 4)))
        elif choice == 2:
            ttl_s = dice.randrange(5, 40)
            await stock.reserve(line(TEE, dice.randrange(1, 3)), kind=SOFT, ttl_s=ttl_s)
        else:
            await stock.sweep()
    except RemoteError as error:
        if error.reason != "INSUFFICIENT_STOCK":
            raise


@pytest.mark.parametrize("seed", range(4))
async def test_a_state_as_of_a_time_or_version_is_what_readers_saw_then(
    stock: Running, seed: int
) -> None:
    """Invariant 16. Seen to fail without the holds that had ended by the clock, and with the
    events of one version earlier."""
    dice = random.Random(seed)
    await stock.count(TEE, 10)
    seen: list[tuple[datetime, StockPosition]] = []
    for number in range(14):
        stock.clock.advance(dice.randrange(1, 20))
        await step(stock, dice, number)
        stock.clock.advance(dice.randrange(1, 20))
        seen.append((stock.clock.now(), await stock.position(TEE)))
    for moment, position in seen:
        then = await as_of(stock, time=at(moment))
        assert then == position
        past = await explain(stock, as_of=api.StateAsOf(time=at(moment)))
        assert past.available == position.available
    last_of = {position.position: position for _, position in seen}
    newest = max(last_of)
    for number, position in last_of.items():
        then = await as_of(stock, position=number)
        assert (then.position, then.on_hand) == (number, position.on_hand)
    with pytest.raises(RemoteError) as unknown:
        await as_of(stock, position=newest + 1)
    assert unknown.value.reason == "NOT_FOUND"


async def test_folding_the_events_of_a_position_gives_the_position(stock: Running) -> None:
    """Invariant 17: versions without gaps, ledger entries without gaps, sums as the last event."""
    dice = random.Random(7)
    await stock.count(TEE, 10)
    for number in range(12):
        stock.clock.advance(1)
        await step(stock, dice, number)
    rows = await stock.rows(
        "SELECT agg_version, payload FROM event_journal WHERE agg_type = 'stock_position'"
        " AND agg_id = 'TEE|DC-1' ORDER BY agg_version"
    )
    on_hand, position = 0, 0
    for number, (version, payload) in enumerate(rows, start=1):
        event = events_pb2.StockPositionChanged.FromString(bytes(payload))
        assert version == number == event.stock_position.version
        for entry in event.ledger_entries:
            position += 1
            assert entry.position == position
            sellable = 2
            on_hand += entry.quantity * (
                (entry.to_bucket == sellable) - (entry.from_bucket == sellable)
            )
        assert (event.stock_position.on_hand, event.stock_position.position) == (on_hand, position)
    current = await stock.position(TEE)
    assert (current.on_hand, current.position) == (on_hand, position)


async def ask_repair(stock: Running, **values: object) -> api.RepairProjectionResponse:
    request = api.RepairProjectionRequest(
        request_id=new_id(), sku=TEE, location=DC, reason="drift", **values
    )
    return await stock.availability.RepairProjection(request)


async def test_drifted_figures_are_repaired_once_a_second_person_agrees(stock: Running) -> None:
    await stock.count(TEE, 10)
    await stock.reserve(line(TEE, 2))
    await stock.execute("UPDATE stock_position SET hard = 7, on_hand = 12, local_net = 2")
    told = await ask_repair(stock, dry_run=True)
    figures = {(d.figure, d.projected, d.derived) for d in told.differences}
    assert figures == {("hard_reserved", 7, 2), ("on_hand", 12, 10)}
    assert told.repair_id == ""
    asked = await ask_repair(stock)
    approve = api.ApproveRepairRequest(request_id=new_id(), repair_id=asked.repair_id)
    with pytest.raises(RemoteError) as alone:
        await stock.availability.ApproveRepair(approve)
    assert alone.value.reason == "REPAIR_APPROVER"
    assert len(await stock.differences()) == 2
    await stock.execute("UPDATE stock_repair SET asked_by = 'somebody else'")
    done = await stock.availability.ApproveRepair(approve)
    assert {d.figure for d in done.differences} >= {"hard_reserved", "on_hand"}
    again = api.ApproveRepairRequest(request_id=new_id(), repair_id=asked.repair_id)
    with pytest.raises(RemoteError) as twice:
        await stock.availability.ApproveRepair(again)
    assert twice.value.reason == "REPAIR_STATE"
    assert await stock.available(TEE) == 8
    (row,) = await stock.rows("SELECT payload FROM event_journal WHERE agg_type = 'stock_repair'")
    event = events_pb2.StockProjectionRepaired.FromString(bytes(row[0]))  # type: ignore[arg-type]  # bytea
    assert event.asked_by == "somebody else"
    assert {f.figure for f in event.figures} >= {"hard_reserved", "on_hand"}


async def test_figures_that_agree_need_no_repair(stock: Running) -> None:
    await stock.count(TEE, 10)
    found = await ask_repair(stock)
    assert (found.repair_id, list(found.differences)) == ("", [])
