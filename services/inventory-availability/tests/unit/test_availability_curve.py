"""Curves and promises as pure functions: what comes, what is needed, and looking ahead."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st
from tandem_inventory_availability.domain.availability_answer import StockView
from tandem_inventory_availability.domain.availability_curve import (
    Change,
    available_at,
    curve,
    earliest,
    lower_of,
)
from tandem_inventory_availability.domain.availability_terms import PolicyView
from tandem_inventory_availability.domain.catalogue import Location, LocationKind
from tandem_inventory_availability.domain.policy_entries import PolicyEntry, PolicySources
from tandem_inventory_availability.domain.policy_rules import (
    BackorderRule,
    LeadTimeRule,
    LocationTerms,
    PolicyRule,
    SourcingGroup,
    SupplyRule,
)
from tandem_inventory_availability.domain.promise import Basis, WantedLine, promise
from tandem_inventory_availability.domain.stock_forecast import StockForecast
from tandem_inventory_availability.domain.stock_position import Bucket, StockKey, StockPosition
from tandem_inventory_availability.domain.supply_line import SupplyKind, SupplyLine

NOW = datetime(2026, 3, 1, tzinfo=UTC)
DAY = timedelta(days=1)
HORIZON = NOW + 30 * DAY
PLACES = ("DC", "DC2")

days = st.integers(0, 30)
arrivals = st.lists(st.tuples(days, st.integers(0, 20)), max_size=6)
demands = st.lists(st.tuples(days, st.integers(1, 15)), max_size=8)


def changes(pairs: list[tuple[int, int]], sign: int = 1) -> list[Change]:
    return [Change(NOW + day * DAY, sign * units) for day, units in pairs]


@given(st.integers(-5, 30), arrivals, demands, st.integers(0, 5))
def test_more_supply_never_lowers_and_more_demand_never_raises(
    base: int, supply: list[tuple[int, int]], needs: list[tuple[int, int]], safety: int
) -> None:
    """Invariant 11, first half. Seen to fail without the cut at zero, and with changes of the
    same moment that replace each other."""
    before = curve(base, changes(supply) + changes(needs, -1), NOW, HORIZON, safety)
    richer = curve(base, changes([*supply, (7, 4)]) + changes(needs, -1), NOW, HORIZON, safety)
    poorer = curve(base, changes(supply) + changes([*needs, (7, 4)], -1), NOW, HORIZON, safety)
    for day in range(31):
        at = NOW + day * DAY
        figure = available_at(before, at)
        assert available_at(richer, at) >= figure >= available_at(poorer, at)
        assert figure >= 0


@given(st.integers(0, 30), arrivals, demands)
def test_what_is_accepted_for_a_day_keeps_every_earlier_promise(
    base: int, supply: list[tuple[int, int]], wanted: list[tuple[int, int]]
) -> None:
    """Invariant 11, second half. Seen to fail with ATP(t) = P(t), and with the greatest P ahead."""
    accepted: list[tuple[int, int]] = []
    for day, units in wanted:
        points = curve(base, changes(supply) + changes(accepted, -1), NOW, HORIZON)
        if available_at(points, NOW + day * DAY) >= units:
            accepted.append((day, units))
    for day in range(31):
        level = base + sum(units for d, units in supply if d <= day)
        assert level - sum(units for d, units in accepted if d <= day) >= 0


@given(st.integers(-5, 30), arrivals, demands)
def test_what_can_be_promised_never_falls_with_time(
    base: int, supply: list[tuple[int, int]], needs: list[tuple[int, int]]
) -> None:
    points = curve(base, changes(supply) + changes(needs, -1), NOW, HORIZON)
    figures = [point.available for point in points]
    assert figures == sorted(figures)
    for quantity in (1, 5, 50):
        at = earliest(points, quantity)
        assert at is None or available_at(points, at) >= quantity


@given(st.integers(0, 20), st.integers(0, 20), arrivals, arrivals)
def test_two_limits_together_allow_the_lower_one_at_every_moment(
    base: int, other: int, supply: list[tuple[int, int]], more: list[tuple[int, int]]
) -> None:
    first = curve(base, changes(supply), NOW, HORIZON)
    second = curve(other, changes(more), NOW, HORIZON)
    both = lower_of([first, second])
    for day in range(31):
        at = NOW + day * DAY
        expected = min(available_at(first, at), available_at(second, at))
        assert available_at(both, at) == expected


def test_what_should_have_come_before_counts_now_and_what_is_beyond_never() -> None:
    points = curve(1, [Change(NOW - DAY, 2), Change(HORIZON + DAY, 9)], NOW, HORIZON)
    assert [(p.at, p.available) for p in points] == [(NOW, 3)]


def supply_line(
    name: str, units: int, day: float, location: str = "DC", **values: object
) -> SupplyLine:
    key = StockKey("t", "A", location)
    return SupplyLine(name, key, SupplyKind.PURCHASE_ORDER, units, NOW + day * DAY, **values)  # type: ignore[arg-type]  # fields by name


def forecast(
    on_hand: dict[str, int],
    lines: list[SupplyLine],
    *rules: tuple[str, PolicyRule],
    bundles: dict[str, dict[str, int]] | None = None,
) -> StockForecast:
    places = {
        name: Location(name, LocationKind.DISTRIBUTION_CENTRE, "", number, True)
        for number, name in enumerate(PLACES)
    }
    entries = tuple(PolicyEntry(name, rule) for name, rule in rules)
    policy = PolicySources(1, places, bundles or {}, entries).compiled()
    positions: dict[str, dict[str, StockPosition]] = {}
    for name, units in on_hand.items():
        sku, _, place = name.partition("@")
        position = StockPosition(StockKey("t", sku, place), {Bucket.SELLABLE: units})
        positions.setdefault(sku, {})[place] = position
    supply: dict[tuple[str, str], list[SupplyLine]] = {}
    for line in lines:
        of = (line.key.sku, line.key.location)
        supply.setdefault(of, []).append(line.judged(policy, NOW))
    return StockForecast(StockView(PolicyView(policy, NOW), positions), supply, HORIZON)


def test_supply_counts_from_its_arrival_with_lateness_dock_and_confidence() -> None:
    late = ("late", SupplyRule("late", lateness=2 * DAY))
    dock = ("DC", LocationTerms(dock_to_stock=DAY))
    found = forecast({"A@DC": 1}, [supply_line("PO", 7, 3, confidence=5000)], late, dock)
    points = found.at_location("A", "DC")
    assert [(p.at, p.available) for p in points] == [(NOW, 1), (NOW + 6 * DAY, 4)]


def test_overdue_supply_is_never_present_and_at_last_counts_no_more() -> None:
    rule = ("r", SupplyRule("r", zero_after=3 * DAY))
    waiting = forecast({"A@DC": 0}, [supply_line("PO", 7, -1)], rule)
    assert [p.available for p in waiting.at_location("A", "DC")] == [0, 7]
    gone = forecast({"A@DC": 5}, [supply_line("PO", 7, -3, pegged=2)], rule)
    assert [p.available for p in gone.at_location("A", "DC")] == [3, 3]


def test_returns_count_at_their_yield_after_inspection_only_where_a_rule_says_so() -> None:
    rule = ("r", SupplyRule("r", return_yield=7500, inspection=2 * DAY))
    with_rule, without = forecast({"A@DC": 1}, [], rule), forecast({"A@DC": 1}, [])
    for found in (with_rule, without):
        found.stock.positions["A"]["DC"].buckets[Bucket.RETURN_PENDING] = 5
    points = with_rule.at_location("A", "DC")
    assert [(p.at, p.available) for p in points] == [(NOW, 1), (NOW + 2 * DAY, 4)]
    assert [p.available for p in without.at_location("A", "DC")] == [1]


Told = list[list[tuple[object, ...]]]


def plan(found: StockForecast, *lines: WantedLine, group: str = "") -> Told:
    """Parts of each line: place, units, day, basis; and what is short."""
    told: Told = []
    for line in promise(found, lines, PLACES, group):
        parts: list[tuple[object, ...]] = [
            (p.location, p.quantity, (p.at - NOW) / DAY if p.at else None, p.basis)
            for p in line.parts
        ]
        told.append([*parts, ("short", line.short)] if line.short else parts)
    return told


def test_one_location_in_time_is_better_than_two_and_the_preferred_than_the_first() -> None:
    found = forecast({"A@DC": 3, "A@DC2": 9}, [supply_line("PO", 9, 2)])
    assert plan(found, WantedLine("1", "A", 5)) == [[("DC2", 5, 0, Basis.ON_HAND)]]
    found = forecast({"A@DC": 3, "A@DC2": 9}, [supply_line("PO", 9, 2)])
    needed = WantedLine("1", "A", 5, NOW + 3 * DAY)
    assert plan(found, needed) == [[("DC", 5, 2, Basis.SUPPLY)]]


def test_lines_of_one_sku_do_not_get_the_same_units_and_split_when_no_place_suffices() -> None:
    found = forecast({"A@DC": 3, "A@DC2": 4}, [supply_line("PO", 2, 5)])
    first, second = plan(found, WantedLine("1", "A", 6), WantedLine("2", "A", 4))
    assert first == [("DC", 3, 0, Basis.ON_HAND), ("DC2", 3, 0, Basis.ON_HAND)]
    assert second == [("DC2", 1, 0, Basis.ON_HAND), ("DC", 2, 5, Basis.SUPPLY), ("short", 1)]


def test_what_nothing_covers_comes_by_lead_time_or_below_zero() -> None:
    lead = ("l", LeadTimeRule("l", 9 * DAY))
    assert plan(forecast({"A@DC": 1}, [], lead), WantedLine("1", "A", 3)) == [
        [("DC", 1, 0, Basis.ON_HAND), ("DC", 2, 9, Basis.LEAD_TIME)]
    ]
    below = ("b", BackorderRule("b", 5))
    assert plan(forecast({"A@DC": 0}, [], below), WantedLine("1", "A", 7)) == [
        [("DC", 5, None, Basis.BACKORDER), ("short", 2)]
    ]


def test_a_bundle_is_there_when_all_its_components_are_at_one_place() -> None:
    kit = {"KIT": {"A": 2, "B": 1}}
    found = forecast({"A@DC": 3, "B@DC": 5}, [supply_line("PO", 3, 4)], bundles=kit)
    assert plan(found, WantedLine("1", "KIT", 3)) == [[("DC", 3, 4, Basis.SUPPLY)]]


def test_a_group_promises_no_more_than_it_has_left() -> None:
    group = ("G", SourcingGroup("G", PLACES))
    found = forecast({"A@DC": 3, "A@DC2": 3}, [], group)
    found.stock.claims = {("A", "G"): 4}
    assert plan(found, WantedLine("1", "A", 5), group="G") == [
        [("DC", 2, 0, Basis.ON_HAND), ("short", 3)]
    ]


@settings(max_examples=60)
@given(
    st.integers(0, 9),
    st.integers(0, 9),
    st.lists(st.tuples(days, st.integers(1, 9), st.sampled_from(PLACES)), max_size=4),
    st.lists(st.tuples(st.integers(1, 12), st.none() | days), min_size=1, max_size=4),
)
def test_a_plan_adds_up_and_takes_no_more_than_there_will_be(
    here: int,
    there: int,
    supply: list[tuple[int, int, str]],
    wanted: list[tuple[int, int | None]],
) -> None:
    lines = [supply_line(f"PO-{n}", units, day, at) for n, (day, units, at) in enumerate(supply)]
    found = forecast({"A@DC": here, "A@DC2": there}, lines)
    asked = [
        WantedLine(str(n), "A", units, NOW + day * DAY if day is not None else None)
        for n, (units, day) in enumerate(wanted)
    ]
    told = promise(found, asked, PLACES)
    for line, answer in zip(asked, told, strict=True):
        assert sum(part.quantity for part in answer.parts) + answer.short == line.quantity
    for place, base in (("DC", here), ("DC2", there)):
        for day in range(31):
            at = NOW + day * DAY
            level = base + sum(x.open for x in lines if x.key.location == place and x.eta <= at)
            taken = sum(
                part.quantity
                for answer in told
                for part in answer.parts
                if part.location == place and part.at is not None and part.at <= at
            )
            assert level >= taken
