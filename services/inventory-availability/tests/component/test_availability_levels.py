"""Low, out and back again, told once each, in the transaction of the change."""

from __future__ import annotations

from tandem.inventory.v1 import config_service_pb2 as config
from tandem.inventory.v1 import events_pb2
from tandem.inventory.v1 import stock_policy_pb2 as policy

from .stock_under_test import SOFT, TEE, Running, line, new_id


async def told(stock: Running) -> list[tuple[str, int]]:
    """Levels that were told, with the figure."""
    rows = await stock.rows(
        "SELECT type, payload FROM event_journal WHERE agg_type = 'availability_level'"
        " ORDER BY agg_id, agg_version"
    )
    found = []
    for kind, payload in rows:
        name = str(kind).rpartition(".")[2]
        event = getattr(events_pb2, name).FromString(bytes(payload))
        found.append((name, event.available))
    return found


async def low_at(stock: Running, units: int) -> None:
    entry = policy.PolicyEntry(id="low", threshold=policy.ThresholdPolicy(low=units))
    await stock.config.PutPolicies(config.PutPoliciesRequest(request_id=new_id(), entries=[entry]))


async def test_each_level_is_told_once_and_in_order(stock: Running) -> None:
    await low_at(stock, 3)
    await stock.count(TEE, 10)
    await stock.reserve(line(TEE, 6))
    await stock.reserve(line(TEE, 1))
    assert await told(stock) == [("AvailabilityFellLow", 3)]
    last = await stock.reserve(line(TEE, 3))
    await stock.release(last.id)
    await stock.count(TEE, 20, sequence=2)
    assert await told(stock) == [
        ("AvailabilityFellLow", 3),
        ("AvailabilityRanOut", 0),
        ("AvailabilityRestored", 3),
        ("AvailabilityRestored", 13),
    ]


async def test_stock_a_hold_gives_back_by_the_clock_is_told_when_it_is_tidied(
    stock: Running,
) -> None:
    await stock.count(TEE, 2)
    await stock.reserve(line(TEE, 2), kind=SOFT, ttl_s=60)
    assert await told(stock) == [("AvailabilityRanOut", 0)]
    stock.clock.advance(61)
    await stock.sweep()
    assert await told(stock) == [("AvailabilityRanOut", 0), ("AvailabilityRestored", 2)]


async def test_safety_stock_makes_a_position_run_out_before_it_is_empty(stock: Running) -> None:
    await stock.count(TEE, 10)
    entry = policy.PolicyEntry(id="s", safety=policy.SafetyPolicy(quantity=8))
    await stock.config.PutPolicies(config.PutPoliciesRequest(request_id=new_id(), entries=[entry]))
    await stock.reserve(line(TEE, 2))
    assert await told(stock) == [("AvailabilityRanOut", 0)]


async def test_levels_wait_for_no_other_event_of_their_position(stock: Running) -> None:
    await stock.count(TEE, 1)
    await stock.reserve(line(TEE, 1))
    rows = await stock.rows(
        "SELECT DISTINCT agg_type, partition_key FROM event_journal WHERE agg_id = 'TEE|DC-1'"
    )
    keys = dict(rows)
    assert keys["availability_level"] == "urgent-availability"
    assert keys["stock_position"] == "TEE|DC-1"
