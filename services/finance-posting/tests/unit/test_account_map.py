"""One line goes to one account, by the most specific entry; what could go to two is refused."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from itertools import combinations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tandem_finance_posting.adapters.rules.account_map_file import default_account_map
from tandem_finance_posting.adapters.rules.rule_files import default_catalogue
from tandem_finance_posting.application.account_map_ports import content_hash
from tandem_finance_posting.domain.account_map import Account, AccountMap, MapEntry, Place, Unmapped
from tandem_finance_posting.domain.errors import AccountMapAmbiguous, AccountMapInvalid
from tandem_finance_posting.domain.export_batch_family import ExportFamily, ExportLevel

DAY = date(2026, 3, 2)


def entry(account: str, dimensions: Mapping[str, str] | None = None, **rest: object) -> MapEntry:
    return MapEntry("TAX", {"account": account}, dimensions=dimensions or {}, **rest)  # type: ignore[arg-type]


def checked(*entries: MapEntry) -> AccountMap:
    return AccountMap.checked(1, entries, ())


def place(dimensions: Mapping[str, str] | None = None, day: date = DAY) -> Place:
    return Place("US01", "MAIN", "TAX", dimensions or {}, day)


def account_of(found: Account | Unmapped) -> str:
    return found.segments["account"] if isinstance(found, Account) else ""


def test_the_most_specific_entry_wins() -> None:
    found = checked(
        entry("any"), entry("us", {"jurisdiction": "US"}), entry("de", legal_entity="DE01"),
        entry("us-web", {"jurisdiction": "US", "channel": "web"}),
        entry("de-us", {"jurisdiction": "US"}, legal_entity="DE01"),
        entry("de-us-web", {"jurisdiction": "US", "channel": "web"}, legal_entity="DE01"),
    )  # fmt: skip
    assert account_of(found.account(place())) == "any"
    assert account_of(found.account(place({"jurisdiction": "US", "channel": "store"}))) == "us"
    assert account_of(found.account(place({"jurisdiction": "US", "channel": "web"}))) == "us-web"


def test_two_entries_that_could_fit_one_line_side_by_side_are_refused() -> None:
    with pytest.raises(AccountMapAmbiguous) as refused:
        checked(entry("a"), entry("b", {"channel": "web"}), entry("c", {"store": "S1"}))
    assert (refused.value.first, refused.value.second) == ("entries[1]", "entries[2]")


def test_an_entry_for_both_settles_two_that_could_clash() -> None:
    found = checked(
        entry("b", {"channel": "web"}), entry("c", {"store": "S1"}),
        entry("d", {"channel": "web", "store": "S1"}),
    )  # fmt: skip
    assert account_of(found.account(place({"channel": "web", "store": "S1"}))) == "d"


def test_an_entry_that_settles_only_part_of_the_time_does_not_settle() -> None:
    both = {"channel": "web", "store": "S1"}
    with pytest.raises(AccountMapAmbiguous):
        checked(
            entry("b", {"channel": "web"}), entry("c", {"store": "S1"}),
            entry("d", both, since=date(2026, 1, 1)),
        )  # fmt: skip


def test_windows_follow_each_other_without_a_clash() -> None:
    turn = date(2026, 7, 1)
    found = checked(entry("old", until=turn), entry("new", since=turn))
    assert account_of(found.account(place(day=date(2026, 6, 30)))) == "old"
    assert account_of(found.account(place(day=turn))) == "new"
    with pytest.raises(AccountMapAmbiguous):
        checked(entry("old", until=date(2026, 7, 2)), entry("new", since=turn))


def test_what_is_missing_is_named() -> None:
    found = checked(
        entry("us", {"jurisdiction": "US"}, since=date(2026, 1, 1)),
        MapEntry("AP", {"account": "ap", "party": "$vendor"}),
    )
    hint = found.account(place({"jurisdiction": "FR"}))
    assert isinstance(hint, Unmapped)
    assert "jurisdiction=FR" in hint.hint
    other = Place("US01", "MAIN", "BANK", {}, DAY)
    assert found.account(other) == Unmapped("BANK", "add an entry for role BANK")
    no_vendor = Place("US01", "MAIN", "AP", {}, DAY)
    assert found.account(no_vendor) == Unmapped("AP", "segment party needs dimension vendor")
    with_vendor = found.account(Place("US01", "MAIN", "AP", {"vendor": "V1"}, DAY))
    assert isinstance(with_vendor, Account)
    assert with_vendor.segments == {"account": "ap", "party": "V1"}


@pytest.mark.parametrize(
    ("broken", "field"),
    [
        (MapEntry("TAX", {"cost_center": "c"}), "entries[0].segments"),
        (entry("a", since=DAY, until=DAY), "entries[0].until_date"),
        (entry("a", {"book": "MAIN"}), "entries[0].dimensions"),
        (MapEntry("TAX", {"account": "a", "party": "$"}), "entries[0].segments.party"),
    ],
)
def test_an_entry_that_cannot_be_is_refused_with_its_field(broken: MapEntry, field: str) -> None:
    with pytest.raises(AccountMapInvalid) as refused:
        checked(broken)
    assert refused.value.field == field


def test_a_role_in_two_families_is_refused() -> None:
    families = [ExportFamily(name, ("TAX",), ExportLevel.SUMMARY) for name in ("A", "B")]
    with pytest.raises(AccountMapInvalid) as refused:
        AccountMap.checked(1, [entry("a")], families)
    assert refused.value.field == "families[1].roles"


def test_every_role_of_the_catalogue_has_an_account_and_a_family_in_the_shipped_map() -> None:
    shipped = default_account_map()
    (rule_set,) = default_catalogue().versions
    wanted = {role.name for role in rule_set.roles.values() if role.family != "memo"}
    assert len(wanted) > 60
    for role in wanted:
        assert isinstance(shipped.account(Place("any", "MAIN", role, {}, DAY)), Account), role
        assert shipped.family(role), role
    accounts = [entry.segments["account"] for entry in shipped.entries]
    assert len(accounts) == len(set(accounts)), "two roles on one account cannot be told apart"


def test_the_hash_a_checker_approves_changes_with_every_field() -> None:
    versions = [
        [entry("a")], [entry("b")], [entry("a", {"x": "y"})], [entry("a", since=DAY)],
        [entry("a", until=DAY)], [entry("a", book="MAIN")], [entry("a", legal_entity="MAIN")],
    ]  # fmt: skip
    families = [ExportFamily("F", ("TAX",), level) for level in ExportLevel]
    maps = [AccountMap(1, tuple(entries)) for entries in versions]
    maps += [AccountMap(1, (entry("a"),), (family,)) for family in families]
    assert len({content_hash(found) for found in maps}) == len(maps)


NAMES, VALUES = ("channel", "store", "kind"), ("1", "2")
DIMENSIONS = st.dictionaries(st.sampled_from(NAMES), st.sampled_from(VALUES))
DAYS = st.sampled_from([None, *(date(2026, month, 1) for month in (1, 4, 7))])


@st.composite
def maps(draw: st.DrawFn) -> AccountMap | None:
    """A random map that was not refused, or None."""
    count = draw(st.integers(1, 6))
    entries = [
        entry(f"a{n}", draw(DIMENSIONS), since=draw(DAYS), until=draw(DAYS)) for n in range(count)
    ]
    try:
        return checked(*entries)
    except (AccountMapAmbiguous, AccountMapInvalid):
        return None


@settings(max_examples=300)
@given(maps(), DIMENSIONS, st.sampled_from([date(2025, 5, 5), DAY, date(2026, 5, 5), date.max]))
def test_a_map_that_was_taken_gives_each_line_one_most_specific_entry(
    found: AccountMap | None, dimensions: Mapping[str, str], day: date
) -> None:
    """Against the plain definition: of all that fit, one needs whatever any other needs."""
    if found is None:
        return
    has = {*dimensions.items(), ("legal_entity", "US01"), ("book", "MAIN")}
    fitting = [e for e in found.entries if e.is_for(day) and e.needs <= has]
    best = [e for e in fitting if all(other.needs <= e.needs for other in fitting)]
    answer = found.account(place(dimensions, day))
    if not fitting:
        assert isinstance(answer, Unmapped)
    else:
        assert len(best) == 1
        assert account_of(answer) == best[0].segments["account"]


@settings(max_examples=300)
@given(st.lists(st.tuples(DIMENSIONS, DAYS, DAYS), min_size=2, max_size=5))
def test_a_map_is_refused_only_when_some_line_has_no_one_best_entry(
    drawn: list[tuple[Mapping[str, str], date | None, date | None]],
) -> None:
    entries = [entry(f"a{n}", d, since=s, until=u) for n, (d, s, u) in enumerate(drawn)]
    if any(e.since and e.until and e.until <= e.since for e in entries):
        return
    try:
        checked(*entries)
    except AccountMapAmbiguous:
        assert any(torn(entries, one, two) for one, two in combinations(entries, 2))


def torn(entries: list[MapEntry], one: MapEntry, two: MapEntry) -> bool:
    """True when a line that has just what both need is left without one best entry."""
    has = one.needs | two.needs
    if len({name for name, _ in has}) < len(has):
        return False
    for day in (date(2025, 5, 5), date(2026, 2, 2), date(2026, 5, 5), date(2026, 9, 9)):
        fitting = [e for e in entries if e.is_for(day) and e.needs <= has]
        best = [e for e in fitting if all(other.needs <= e.needs for other in fitting)]
        if fitting and len(best) != 1:
            return True
    return False
