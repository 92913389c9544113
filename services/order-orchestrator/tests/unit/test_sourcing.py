"""Plans of sourcing, compared with brute force on small networks."""

from __future__ import annotations

from itertools import combinations

from hypothesis import given, settings
from hypothesis import strategies as st
from tandem_order_orchestrator.domain.sourcing import (
    LOCATIONS_CONSIDERED_MAX,
    SHIPMENTS_MAX,
    Demand,
    StockAt,
    plan_sourcing,
)

SKUS = ("A", "B")
DEMANDS = st.lists(st.tuples(st.sampled_from(SKUS), st.integers(1, 6)), min_size=1, max_size=4)
STOCK = st.dictionaries(
    st.tuples(st.sampled_from(SKUS), st.integers(0, 6)), st.integers(-1, 5), max_size=14
)


def network(stock: dict[tuple[str, int], int]) -> list[StockAt]:
    return [StockAt(sku, f"L{at}", units, at % 3) for (sku, at), units in stock.items()]


@settings(max_examples=200, deadline=None)
@given(DEMANDS, STOCK)
def test_a_plan_covers_the_demand_exactly_from_the_fewest_locations(
    wanted: list[tuple[str, int]], stock: dict[tuple[str, int], int]
) -> None:
    demands = [Demand(str(n), sku, units) for n, (sku, units) in enumerate(wanted)]
    plan = plan_sourcing(demands, network(stock))
    fewest = _fewest(demands, stock)
    assert bool(plan.lines) == (fewest is not None)
    if fewest is None:
        assert plan.shortages
        return
    assert len({part.location for part in plan.lines}) == fewest
    assert plan.shortages == ()
    for demand in demands:
        parts = [p.quantity for p in plan.lines if p.line_ref == demand.line_ref]
        assert sum(parts) == demand.quantity
        assert min(parts) > 0
    skus = {demand.line_ref: demand.sku for demand in demands}
    for (sku, at), units in stock.items():
        taken = sum(
            p.quantity for p in plan.lines if (skus[p.line_ref], p.location) == (sku, f"L{at}")
        )
        assert taken <= max(0, units)


def _fewest(demands: list[Demand], stock: dict[tuple[str, int], int]) -> int | None:
    places = {at for _, at in stock}
    for count in range(1, SHIPMENTS_MAX + 1):
        for chosen in combinations(sorted(places), count):
            if all(
                sum(max(0, stock.get((sku, at), 0)) for at in chosen)
                >= sum(d.quantity for d in demands if d.sku == sku)
                for sku in SKUS
            ):
                return count
    return None


@settings(max_examples=100, deadline=None)
@given(DEMANDS, STOCK, st.randoms())
def test_the_order_in_which_stock_is_told_does_not_matter(
    wanted: list[tuple[str, int]], stock: dict[tuple[str, int], int], random: object
) -> None:
    demands = [Demand(str(n), sku, units) for n, (sku, units) in enumerate(wanted)]
    told = network(stock)
    shuffled = list(told)
    random.shuffle(shuffled)  # type: ignore[attr-defined]  # hypothesis gives a Random
    assert plan_sourcing(demands, told) == plan_sourcing(demands, shuffled)


def test_a_location_ranked_behind_all_considered_ones_still_serves() -> None:
    crowd = LOCATIONS_CONSIDERED_MAX + 5
    stock = [StockAt("A", f"S{n:02}", 1, n) for n in range(crowd)]
    far = [StockAt("A", "Z1", 30, 90), StockAt("A", "Z2", 30, 91)]
    alone = plan_sourcing([Demand("1", "A", 30)], [*stock, *far])
    assert [part.location for part in alone.lines] == ["Z1"]
    both = plan_sourcing([Demand("1", "A", 60)], [*stock, *far])
    assert [(part.location, part.quantity) for part in both.lines] == [("Z1", 30), ("Z2", 30)]


def test_the_location_of_better_rank_is_asked_first() -> None:
    stock = [StockAt("A", "STORE", 5, 10), StockAt("A", "DC", 5, 0)]
    [part] = plan_sourcing([Demand("1", "A", 2)], stock).lines
    assert part.location == "DC"


def test_enough_that_is_too_widely_spread_names_every_sku() -> None:
    stock = [StockAt("A", f"S{n}", 1, 0) for n in range(9)]
    plan = plan_sourcing([Demand("1", "A", 9)], stock)
    assert (plan.lines, [(s.sku, s.available) for s in plan.shortages]) == ((), [("A", 9)])
