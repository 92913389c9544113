"""The account map as its callers see it: two persons, refusals by entry and field."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from tandem.finance.v1 import account_map_pb2 as maps_wire
from tandem.finance.v1 import account_map_service_pb2 as maps_api
from tandem_platform.remote_error import RemoteError

from .export_doors import IDS, MAIN, Doors, refused
from .export_doors import doors as doors
from .export_doors import opened as opened


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
