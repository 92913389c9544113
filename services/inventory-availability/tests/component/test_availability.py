"""What can be promised over the wire: every term, groups, bundles, trust, batches, places."""

from __future__ import annotations

from datetime import timedelta

import pytest
from google.protobuf.duration_pb2 import Duration
from tandem.inventory.v1 import availability_service_pb2 as api
from tandem.inventory.v1 import catalog_service_pb2 as catalog
from tandem.inventory.v1 import config_service_pb2 as config
from tandem.inventory.v1 import reservation_pb2
from tandem.inventory.v1 import stock_policy_pb2 as policy
from tandem_platform.remote_error import RemoteError

from .stock_under_test import CAP, DC, DC2, MUG, SOFT, STORE, TEE, Running, line, new_id, outcomes

PICKUP, SHIP = reservation_pb2.FULFILMENT_MODE_PICKUP, reservation_pb2.FULFILMENT_MODE_SHIP


async def put(stock: Running, *entries: policy.PolicyEntry) -> None:
    await stock.config.PutPolicies(config.PutPoliciesRequest(request_id=new_id(), entries=entries))


async def ask(stock: Running, *skus: str, **values: object) -> list[api.Availability]:
    request = api.GetAvailabilityRequest(skus=skus, **values)
    return list((await stock.availability.GetAvailability(request)).availabilities)


def group(*members: str, group_id: str = "G", **values: object) -> policy.PolicyEntry:
    return policy.PolicyEntry(
        id=group_id, group=policy.SourcingGroupPolicy(members=members, **values)
    )


async def test_each_term_lowers_the_figure_and_the_breakdown_names_it(stock: Running) -> None:
    await stock.count(TEE, 20)
    await stock.reserve(line(TEE, 1))
    await stock.reserve(line(TEE, 2), kind=SOFT, ttl_s=60)
    shipped = await stock.reserve(line(TEE, 3))
    await stock.ship(shipped, "S-1", 3)
    safety = policy.SafetyPolicy(quantity=4)
    haircut = policy.HaircutPolicy(units_per_day=24)
    await put(
        stock,
        policy.PolicyEntry(id="s", safety=safety),
        policy.PolicyEntry(id="h", haircut=haircut),
    )
    await stock.execute(
        f"UPDATE stock_position SET stale_at = '{stock.clock.now() - timedelta(hours=2)}'"
    )
    (found,) = await ask(stock, TEE, locations=[DC], include_breakdown=True)
    terms = found.breakdown
    assert (terms.on_hand, terms.hard, terms.soft, terms.unsettled) == (20, 1, 2, 3)
    assert (terms.safety, terms.haircut, terms.eligible) == (4, 2, True)
    assert found.available == 20 - 1 - 2 - 3 - 4 - 2
    assert found.confidence == api.Availability.CONFIDENCE_STALE
    stock.clock.advance(61)
    (later,) = await ask(stock, TEE, locations=[DC], include_breakdown=True)
    assert (later.breakdown.soft, later.breakdown.haircut) == (0, 3)


async def test_a_paused_location_and_a_wrong_mode_promise_nothing(stock: Running) -> None:
    await stock.count(TEE, 5)
    await stock.count(TEE, 5, STORE)
    (store,) = await ask(stock, TEE, locations=[STORE], fulfilment_mode=SHIP)
    assert (store.available, store.basis) == (0, api.Availability.BASIS_NONE)
    (store,) = await ask(stock, TEE, locations=[STORE], fulfilment_mode=PICKUP)
    assert store.available == 5
    paused = policy.LocationPolicy(status=policy.LocationPolicy.STATUS_PAUSED)
    await put(stock, policy.PolicyEntry(id=STORE, location=paused))
    (store,) = await ask(stock, TEE, locations=[STORE], fulfilment_mode=PICKUP)
    assert store.available == 0


async def test_a_group_has_what_its_members_have_less_network_terms(stock: Running) -> None:
    await stock.count(TEE, 10)
    await stock.count(TEE, 4, DC2)
    network = policy.SafetyPolicy(quantity=3, group="G")
    await put(stock, group(DC, DC2), policy.PolicyEntry(id="n", safety=network))
    (found,) = await ask(stock, TEE, groups=["G"], include_breakdown=True)
    assert (found.available, found.group, found.location) == (11, "G", "")
    assert found.group_breakdown.members == 14
    await stock.reserve(line(TEE, 9))
    await stock.count(TEE, 5, sequence=2)
    (found,) = await ask(stock, TEE, groups=["G"], include_breakdown=True)
    assert (found.group_breakdown.members, found.group_breakdown.deficits) == (4, 4)
    assert found.available == 0


async def test_what_a_group_needs_cannot_be_promised_at_a_member(stock: Running) -> None:
    await stock.count(TEE, 5)
    await stock.count(TEE, 5, DC2)
    await put(stock, group(DC, DC2))
    wanted = line(TEE, 7, "")
    wanted.group = "G"
    wanted.line_id = "1"
    await stock.reserve(wanted)
    found = await ask(stock, TEE, locations=[DC, DC2], groups=["G"])
    assert [(x.location or x.group, x.available) for x in found] == [(DC, 3), (DC2, 3), ("G", 3)]
    await stock.reserve(line(TEE, 3, DC))
    with pytest.raises(RemoteError):
        await stock.reserve(line(TEE, 1, DC2))


async def test_a_bundle_is_as_available_as_its_scarcest_component(stock: Running) -> None:
    parts = [
        catalog.BundleComponent(sku=TEE, quantity=2),
        catalog.BundleComponent(sku=CAP, quantity=1),
    ]
    items = [catalog.Item(sku="KIT", components=parts)]
    await stock.catalog.PutItems(catalog.PutItemsRequest(request_id=new_id(), items=items))
    await stock.count(TEE, 9)
    await stock.count(CAP, 20)
    (found,) = await ask(stock, "KIT", locations=[DC])
    assert found.available == 4
    assert [(c.sku, c.available) for c in found.components] == [(CAP, 20), (TEE, 9)]
    await stock.reserve(line("KIT", 3))
    (found,) = await ask(stock, "KIT", locations=[DC])
    assert found.available == 1


async def test_a_silent_source_is_marked_or_refused_as_the_caller_wants(stock: Running) -> None:
    await stock.count(TEE, 5)
    stock.clock.advance(600)
    minute, hour = Duration(seconds=60), Duration(seconds=3600)
    (fresh,) = await ask(stock, TEE, max_staleness=hour)
    (late,) = await ask(stock, TEE, max_staleness=minute)
    assert (fresh.too_stale, late.too_stale, late.source_lag_ms) == (False, True, 600_000)
    with pytest.raises(RemoteError) as refused:
        await ask(stock, TEE, max_staleness=minute, refuse_stale=True)
    assert refused.value.reason == "AVAILABILITY_STALE"


async def test_the_versions_of_an_answer_name_the_state_it_rests_on(stock: Running) -> None:
    await stock.count(TEE, 5)
    await stock.reserve(line(TEE, 1))
    (found,) = await ask(stock, TEE)
    (rests_on,) = found.positions
    assert (rests_on.location, rests_on.position) == (DC, 1)
    state = api.GetPositionAsOfRequest(
        sku=TEE, location=DC, as_of=api.StateAsOf(version=rests_on.version)
    )
    then = (await stock.availability.GetPositionAsOf(state)).stock_position
    assert then.available == found.available


async def test_unknown_names_are_refused_with_their_field(stock: Running) -> None:
    for values, reason, field in (
        ({"skus": [TEE, "NOPE"]}, "SKU_UNKNOWN", "skus[1]"),
        ({"skus": [TEE], "locations": ["NOPE"]}, "LOCATION_UNKNOWN", "locations[0]"),
        ({"skus": [TEE], "groups": ["NOPE"]}, "GROUP_UNKNOWN", "groups[0]"),
    ):
        with pytest.raises(RemoteError) as refused:
            await stock.availability.GetAvailability(api.GetAvailabilityRequest(**values))
        assert (refused.value.reason, refused.value.metadata["field"]) == (reason, field)


async def test_a_batch_answers_every_sku_in_pieces(stock: Running) -> None:
    skus = [f"S{number:04}" for number in range(600)]
    for start in (0, 300):
        items = [catalog.Item(sku=sku) for sku in skus[start : start + 300]]
        await stock.catalog.PutItems(catalog.PutItemsRequest(request_id=new_id(), items=items))
    await stock.execute(
        "INSERT INTO stock_position (tenant, sku, location, on_hand)"
        " SELECT tenant, sku, 'DC-1', 7 FROM item WHERE sku LIKE 'S0%'"
    )
    request = api.BatchGetAvailabilityRequest(skus=skus)
    pieces = [piece async for piece in stock.availability.BatchGetAvailability(request)]
    assert len(pieces) == 3
    found = {x.sku: x.available for piece in pieces for x in piece.availabilities}
    assert found == dict.fromkeys(skus, 7)


async def test_places_that_suffice_alone_come_first_by_priority(stock: Running) -> None:
    await stock.count(TEE, 3)
    await stock.count(TEE, 8, DC2)
    await stock.count(TEE, 5, STORE)
    await stock.count(MUG, 1)
    request = api.FindLocationsRequest(sku=TEE, quantity=4)
    found = (await stock.availability.FindLocations(request)).availabilities
    assert [x.location for x in found] == [DC2, STORE, DC]
    request.fulfilment_mode = SHIP
    found = (await stock.availability.FindLocations(request)).availabilities
    assert [x.location for x in found] == [DC2, DC]


async def test_questions_at_once_each_get_their_own_answer_or_error(stock: Running) -> None:
    await stock.count(TEE, 5)
    await stock.count(CAP, 7, DC2)
    found = await outcomes(
        ask(stock, TEE),
        ask(stock, "NOPE"),
        ask(stock, CAP, locations=[DC2]),
        ask(stock, TEE, locations=["NOWHERE"]),
        ask(stock, TEE, CAP),
        ask(stock, MUG),
    )
    figures = [
        [(x.sku, x.available) for x in answer] if isinstance(answer, list) else answer.reason  # type: ignore[attr-defined]  # an error of an rpc
        for answer in found
    ]
    assert figures == [
        [(TEE, 5)],
        "SKU_UNKNOWN",
        [(CAP, 7)],
        "LOCATION_UNKNOWN",
        [(CAP, 7), (TEE, 5)],
        [],
    ]
