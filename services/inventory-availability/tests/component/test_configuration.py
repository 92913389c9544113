"""The configuration over the wire: versions, history, effect by clock, impact before the change."""

from __future__ import annotations

import pytest
from google.protobuf.duration_pb2 import Duration
from tandem.inventory.v1 import catalog_service_pb2 as catalog
from tandem.inventory.v1 import config_service_pb2 as api
from tandem.inventory.v1 import reservation_pb2
from tandem.inventory.v1 import stock_policy_pb2 as wire
from tandem_inventory_availability.adapters.postgres.policy_rows import load_policies
from tandem_inventory_availability.domain.stock_policy import StockPolicy
from tandem_platform.remote_error import RemoteError

from .stock_under_test import CAP, DC, DC2, STORE, TEE, TENANT, Running, at, new_id

SAFETY = wire.POLICY_KIND_SAFETY


def safety(entry_id: str, quantity: int, **values: object) -> wire.PolicyEntry:
    return wire.PolicyEntry(id=entry_id, safety=wire.SafetyPolicy(quantity=quantity, **values))


def everything() -> list[wire.PolicyEntry]:
    hour = Duration(seconds=3600)
    pickup = reservation_pb2.FULFILMENT_MODE_PICKUP
    paused = wire.LocationPolicy.STATUS_PAUSED
    return [
        wire.PolicyEntry(
            id=STORE,
            location=wire.LocationPolicy(
                status=paused, dock_to_stock=hour, modes=[pickup], refuses_returns=True
            ),
        ),
        wire.PolicyEntry(
            id="G",
            group=wire.SourcingGroupPolicy(members=[DC, DC2], channels=["web"], modes=[pickup]),
        ),
        safety("s", 4, sku=TEE, kind=catalog.Location.KIND_STORE, mode=pickup),
        wire.PolicyEntry(id="h", haircut=wire.HaircutPolicy(units_per_day=5, location=DC)),
        wire.PolicyEntry(id="b", backorder=wire.BackorderPolicy(limit=7, sku=CAP)),
        wire.PolicyEntry(
            id="t",
            hold=wire.HoldPolicy(
                channel="web", step="pay", time_to_live=hour, lifetime_max=hour, extensions_max=2
            ),
        ),
        wire.PolicyEntry(id="l", threshold=wire.ThresholdPolicy(low=3, location=DC)),
        wire.PolicyEntry(
            id="p",
            supply=wire.SupplyPolicy(
                sku=TEE, lateness=hour, zero_after=hour, return_yield_bp=8000, inspection=hour
            ),
        ),
        wire.PolicyEntry(id="lt", lead_time=wire.LeadTimePolicy(lead_time=hour, sku=TEE)),
        wire.PolicyEntry(id="default", network=wire.NetworkPolicy(keeps_deficits=True)),
    ]


async def put(
    stock: Running, *entries: wire.PolicyEntry, **values: object
) -> api.PutPoliciesResponse:
    request = api.PutPoliciesRequest(request_id=new_id(), entries=entries, **values)
    return await stock.config.PutPolicies(request)


async def policy(stock: Running) -> StockPolicy:
    async with stock.database.transaction() as connection:
        return (await load_policies(connection, [TENANT]))[TENANT]


async def test_every_kind_of_entry_is_listed_as_it_was_put(stock: Running) -> None:
    entries = everything()
    version = (await put(stock, *entries)).version
    first = await stock.config.ListPolicies(api.ListPoliciesRequest(page_size=6))
    rest = await stock.config.ListPolicies(
        api.ListPoliciesRequest(page_size=6, page_token=first.next_page_token)
    )
    listed = [*first.entries, *rest.entries]
    by_id = {entry.id: entry for entry in listed}
    assert by_id == {entry.id: entry for entry in entries}
    assert len(listed) == len(entries)
    assert (first.version, rest.next_page_token) == (version, "")


async def test_a_put_replaces_the_schedule_of_its_ids_and_nothing_else(stock: Running) -> None:
    tomorrow = at(stock.clock.now().replace(year=2030))
    early, late = safety("a", 1), safety("a", 2)
    early.valid_until.CopyFrom(tomorrow)
    late.valid_from.CopyFrom(tomorrow)
    await put(stock, early, late, safety("b", 3))
    await put(stock, safety("a", 9))
    found = await stock.config.ListPolicies(api.ListPoliciesRequest(kind=SAFETY))
    assert [(e.id, e.safety.quantity) for e in found.entries] == [("a", 9), ("b", 3)]


async def test_the_history_tells_who_put_what_and_what_replaced_it(stock: Running) -> None:
    first = (await put(stock, safety("a", 1))).version
    second = (await put(stock, safety("a", 2))).version
    third = (await put(stock, removed=[api.PolicyRef(kind=SAFETY, id="a")])).version
    found = await stock.config.ListPolicyChanges(api.ListPolicyChangesRequest(kind=SAFETY, id="a"))
    told = [(c.version, c.entry.safety.quantity, c.superseded_by) for c in found.changes]
    assert told == [(third, 0, 0), (second, 2, third), (first, 1, second)]
    assert not found.changes[0].HasField("entry")
    assert all(change.actor for change in found.changes)
    assert (await policy(stock)).safety(TEE, DC, None, stock.clock.now()) == 0


async def test_a_put_of_an_older_version_is_refused(stock: Running) -> None:
    version = (await put(stock, safety("a", 1))).version
    await put(stock, safety("a", 2), expected_version=version)
    with pytest.raises(RemoteError) as refused:
        await put(stock, safety("a", 3), expected_version=version)
    assert refused.value.reason == "POLICY_VERSION"
    assert refused.value.metadata["actual"] == str(version + 1)


async def test_a_refused_put_changes_nothing(stock: Running) -> None:
    before = (await put(stock, safety("a", 1))).version
    nowhere = wire.PolicyEntry(id="G", group=wire.SourcingGroupPolicy(members=[DC, "NOWHERE"]))
    with pytest.raises(RemoteError) as refused:
        await put(stock, safety("a", 2), nowhere)
    assert refused.value.reason == "LOCATION_UNKNOWN"
    assert refused.value.metadata["field"] == "entries[1].group.members[1]"
    found = await stock.config.ListPolicies(api.ListPoliciesRequest())
    assert (found.version, found.entries[0].safety.quantity) == (before, 1)


async def test_an_unknown_sku_or_an_empty_change_is_refused(stock: Running) -> None:
    with pytest.raises(RemoteError) as unknown:
        await put(stock, safety("a", 1, sku="NOPE"))
    with pytest.raises(RemoteError) as empty:
        await put(stock)
    assert (unknown.value.reason, empty.value.reason) == ("SKU_UNKNOWN", "VALIDATION_FAILED")


async def test_a_dry_run_changes_nothing_and_its_impact_is_the_real_one(stock: Running) -> None:
    await stock.count(TEE, 10)
    await stock.count(TEE, 3, STORE)
    await stock.count(CAP, 5)
    entries = [
        safety("all", 4),
        safety("tee", 6, sku=TEE, location=DC),
        wire.PolicyEntry(
            id=STORE, location=wire.LocationPolicy(status=wire.LocationPolicy.STATUS_CLOSED)
        ),
    ]
    weighed = await put(stock, *entries, dry_run=True)
    assert (await stock.config.ListPolicies(api.ListPoliciesRequest())).entries == []
    impact = weighed.impact
    told = {(p.sku, p.location): (p.before, p.after) for p in impact.positions}
    assert told == {(TEE, DC): (10, 4), (TEE, STORE): (3, 0), (CAP, DC): (5, 1)}
    assert (impact.changed_positions, impact.change_total, impact.truncated) == (3, -13, False)
    assert (await put(stock, *entries)).version == weighed.version
    for (sku, place), (_, after) in told.items():
        assert await stock.available(sku, place) == after


async def test_an_entry_of_tomorrow_has_no_impact_today_but_tomorrow(stock: Running) -> None:
    await stock.count(TEE, 10)
    entry = safety("s", 4)
    start = stock.clock.now().replace(year=stock.clock.now().year + 1)
    entry.valid_from.CopyFrom(at(start))
    today = await put(stock, entry, dry_run=True)
    later = await put(stock, entry, dry_run=True, impact_time=at(start))
    assert today.impact.changed_positions == 0
    assert [(p.before, p.after) for p in later.impact.positions] == [(10, 6)]
    await put(stock, entry)
    assert await stock.available(TEE) == 10
    stock.clock.advance((start - stock.clock.now()).total_seconds())
    assert await stock.available(TEE) == 6


async def test_a_group_that_would_fall_below_zero_is_told_and_cannot_be_removed(
    stock: Running,
) -> None:
    await stock.count(TEE, 10)
    await stock.count(TEE, 4, DC2)
    group = wire.PolicyEntry(id="G", group=wire.SourcingGroupPolicy(members=[DC, DC2]))
    await put(stock, group)
    await stock.execute(
        "INSERT INTO group_claim (tenant, sku, group_id, hard) "
        f"VALUES ('{TENANT}', '{TEE}', 'G', 6)"
    )
    smaller = wire.PolicyEntry(id="G", group=wire.SourcingGroupPolicy(members=[DC2]))
    impact = (await put(stock, smaller, dry_run=True)).impact
    assert [(g.sku, g.group, g.before, g.after) for g in impact.groups] == [(TEE, "G", 8, -2)]
    with pytest.raises(RemoteError) as refused:
        await put(stock, removed=[api.PolicyRef(kind=wire.POLICY_KIND_GROUP, id="G")])
    assert refused.value.reason == "GROUP_CLAIMED"
