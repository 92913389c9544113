"""The configuration as a value: which rule wins, and when it is effective."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tandem_core.errors import ValidationFailed
from tandem_inventory_availability.domain.catalogue import Location, LocationKind
from tandem_inventory_availability.domain.errors import GroupUnknown, LocationUnknown, SkuUnknown
from tandem_inventory_availability.domain.policy_checks import check_names, check_shape
from tandem_inventory_availability.domain.policy_entries import (
    PolicyEntry,
    PolicyKind,
    PolicySources,
)
from tandem_inventory_availability.domain.policy_errors import PolicyWindowsOverlap
from tandem_inventory_availability.domain.policy_rules import (
    BackorderRule,
    FulfilmentMode,
    HaircutRule,
    HoldRule,
    LocationStatus,
    LocationTerms,
    NetworkTerms,
    SafetyRule,
    SourcingGroup,
    Window,
)
from tandem_inventory_availability.domain.stock_policy import StockPolicy

NOW = datetime(2026, 3, 1, tzinfo=UTC)
DAY = timedelta(days=1)
TOMORROW = Window(since=NOW + DAY)
DC = Location("DC", LocationKind.DISTRIBUTION_CENTRE, "", 1, True)
STORE = Location("STORE", LocationKind.STORE, "", 5, False)


def policy(*rules: object) -> StockPolicy:
    entries = tuple(PolicyEntry(getattr(rule, "id", "STORE"), rule) for rule in rules)  # type: ignore[arg-type]  # rules
    return PolicySources(1, {"DC": DC, "STORE": STORE}, {}, entries).compiled()


names = st.sampled_from(["", "A", "B"])
modes = st.sampled_from([None, *FulfilmentMode])


@given(
    st.lists(st.tuples(st.integers(0, 9), names, st.sampled_from(["", "DC", "STORE"]), modes)),
    st.sampled_from(["A", "B", "C"]),
    st.sampled_from(["DC", "STORE"]),
    modes,
)
def test_the_index_finds_the_rules_a_look_at_all_of_them_would(
    given_rules: list[tuple[int, str, str, FulfilmentMode | None]],
    sku: str,
    location: str,
    mode: FulfilmentMode | None,
) -> None:
    rules = [
        SafetyRule(str(n), units, s, place, None, "", m)
        for n, (units, s, place, m) in enumerate(given_rules)
    ]
    expected = max(
        (
            rule.quantity
            for rule in rules
            if rule.sku in ("", sku)
            and rule.location in ("", location)
            and rule.mode in (None, mode)
        ),
        default=0,
    )
    assert policy(*rules).safety(sku, location, mode, NOW) == expected


def test_safety_of_a_kind_is_kept_back_at_that_kind_only() -> None:
    rules = policy(SafetyRule("s", 3, kind=LocationKind.STORE))
    assert rules.safety("A", "STORE", None, NOW) == 3
    assert rules.safety("A", "DC", None, NOW) == 0


def test_an_entry_of_tomorrow_changes_nothing_today() -> None:
    rules = policy(
        SafetyRule("s", 3, window=TOMORROW), LocationTerms(LocationStatus.CLOSED, window=TOMORROW)
    )
    assert rules.safety("A", "STORE", None, NOW) == 0
    assert rules.eligible("STORE", None, NOW)
    assert rules.safety("A", "STORE", None, NOW + DAY) == 3
    assert not rules.eligible("STORE", None, NOW + DAY)


def test_the_most_specific_backorder_and_hold_win_whatever_their_order() -> None:
    rules = [
        BackorderRule("z", 9),
        BackorderRule("a", 5, location="DC"),
        BackorderRule("m", 1, "A"),
    ]
    holds = [HoldRule("z"), HoldRule("b", step="cart"), HoldRule("a", channel="web")]
    for order in (1, -1):
        found = policy(*rules[::order], *holds[::order])
        assert found.backorder_limit("A", "DC", NOW) == 1
        assert found.backorder_limit("B", "DC", NOW) == 5
        assert found.backorder_limit("B", "STORE", NOW) == 9
        assert found.hold_rule("web", "cart", NOW).id == "a"
        assert found.hold_rule("app", "cart", NOW).id == "b"


def test_a_silent_source_loses_begun_units_whole() -> None:
    rules = policy(HaircutRule("h", 24))
    assert rules.haircut("A", "DC", NOW, NOW) == 0
    assert rules.haircut("A", "DC", NOW, NOW + timedelta(seconds=1)) == 1
    assert rules.haircut("A", "DC", NOW, NOW + timedelta(hours=2)) == 2
    assert rules.haircut("A", "DC", NOW, NOW + timedelta(hours=2, seconds=1)) == 3


def test_a_location_that_does_not_ship_may_be_picked_up_at_unless_decided_otherwise() -> None:
    found = policy()
    assert not found.eligible("STORE", FulfilmentMode.SHIP, NOW)
    assert found.eligible("STORE", FulfilmentMode.PICKUP, NOW)
    found = policy(LocationTerms(modes=frozenset({FulfilmentMode.SHIP})))
    assert found.eligible("STORE", FulfilmentMode.SHIP, NOW)
    assert not found.eligible("STORE", FulfilmentMode.PICKUP, NOW)


def test_a_group_whose_window_is_over_still_overlaps_for_what_is_claimed_of_it() -> None:
    ended = SourcingGroup("OLD", ("DC",), window=Window(until=NOW))
    later = SourcingGroup("LATER", ("DC",), window=TOMORROW)
    group = SourcingGroup("NOW", ("DC", "STORE"))
    found = policy(ended, later, group)
    assert [g.id for g in found.overlapping(group, NOW)] == ["NOW", "OLD"]
    assert [g.id for g in found.groups_of("DC", NOW)] == ["NOW"]


def test_two_entries_of_one_id_at_the_same_moment_are_refused() -> None:
    first = PolicyEntry("s", SafetyRule("s", 1, window=Window(until=NOW + DAY)))
    follows = PolicyEntry("s", SafetyRule("s", 2, window=TOMORROW))
    overlaps = PolicyEntry("s", SafetyRule("s", 2, window=Window(since=NOW)))
    check_shape([first, follows], [])
    with pytest.raises(PolicyWindowsOverlap) as refused:
        check_shape([first, overlaps], [])
    assert refused.value.field == "entries[1]"


def test_an_entry_that_could_mean_two_things_is_refused() -> None:
    inverted = PolicyEntry("s", SafetyRule("s", 1, window=Window(NOW, NOW)))
    two_scopes = PolicyEntry("s", SafetyRule("s", 1, location="DC", group="G"))
    other_network = PolicyEntry("x", NetworkTerms())
    for entry in (inverted, two_scopes, other_network):
        with pytest.raises(ValidationFailed):
            check_shape([entry], [])
    with pytest.raises(ValidationFailed):
        check_shape([PolicyEntry("s", SafetyRule("s", 1))], [(PolicyKind.SAFETY, "s")])


def test_a_name_that_means_nothing_is_refused_with_its_field() -> None:
    sources = PolicySources(1, {"DC": DC}, {}, ())
    group = PolicyEntry("G", SourcingGroup("G", ("DC", "NOWHERE")))
    with pytest.raises(LocationUnknown) as place:
        check_names([group], sources.put([group], []), ())
    assert place.value.field == "entries[0].group.members[1]"
    safety = PolicyEntry("s", SafetyRule("s", 1, group="NONE"))
    with pytest.raises(GroupUnknown):
        check_names([safety], sources.put([safety], []), ())
    sku = PolicyEntry("s", SafetyRule("s", 1, "NOPE"))
    with pytest.raises(SkuUnknown) as unknown:
        check_names([sku], sources.put([sku], []), {"NOPE"})
    assert unknown.value.field == "entries[0].safety.sku"
