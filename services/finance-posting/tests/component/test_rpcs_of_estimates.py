"""Estimates through their rpcs: figures by two persons, differences posted, balances at target."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any

import pytest
from tandem.finance.v1 import estimate_pb2 as wire
from tandem.finance.v1 import estimate_service_pb2 as api
from tandem.finance.v1.estimate_service_pb2_grpc import EstimateServiceStub
from tandem_core.ids import Uuid7Factory
from tandem_platform.remote_error import RemoteError

from .books_under_test import Books
from .doors_under_test import TwoPersons, two_persons

IDS = Uuid7Factory()
RESERVE = wire.ESTIMATE_KIND_RETURN_RESERVE
BREAKAGE, LOYALTY = wire.ESTIMATE_KIND_BREAKAGE, wire.ESTIMATE_KIND_LOYALTY
MONTH_END = "2026-03-31"


@dataclass
class Doors:
    """The service, called by two persons."""

    books: TwoPersons | Books
    maker: EstimateServiceStub
    checker: EstimateServiceStub

    async def propose(self, kind: int, **cohorts: Any) -> wire.Estimate:
        """Figures by cohort."""
        names = {RESERVE: "returns", BREAKAGE: "gift_cards", LOYALTY: "loyalty"}
        given = [
            wire.EstimateCohort(cohort=name, **{names[kind]: figures})
            for name, figures in cohorts.items()
        ]
        request = api.ProposeEstimateRequest(
            request_id=IDS.new_id(), legal_entity="US01", kind=kind, currency_code="USD",
            cohorts=given, note="month end",
        )  # fmt: skip
        return (await self.maker.ProposeEstimate(request)).estimate

    async def approved(self, kind: int, **cohorts: Any) -> wire.Estimate:
        """Figures in force."""
        proposed = await self.propose(kind, **cohorts)
        return (await self.checker.ApproveEstimate(approval(proposed))).estimate

    async def run(self, kind: int = RESERVE, **rest: Any) -> list[wire.EstimateRun]:
        """A run at the end of the month."""
        values = {"request_id": IDS.new_id(), "legal_entity": "US01", "date": MONTH_END, **rest}
        if kind == BREAKAGE:
            return list((await self.maker.RunBreakage(api.RunBreakageRequest(**values))).runs)
        request = api.TrueUpReserveRequest(kind=kind, **values)
        return list((await self.maker.TrueUpReserve(request)).runs)

    async def posted(self, kind: int) -> dict[str, tuple[int, int, int]]:
        """What is in the books by cohort: liability, asset, runs."""
        found: dict[str, tuple[int, int, int]] = {}
        token = ""
        for _ in range(10):
            request = api.ListPostedCohortsRequest(
                legal_entity="US01", kind=kind, page_size=1, page_token=token
            )
            page = await self.maker.ListPostedCohorts(request)
            for c in page.cohorts:
                found[c.cohort] = (c.posted_minor, c.posted_asset_minor, c.runs)
            token = page.next_page_token
            if not token:
                break
        return found


def approval(proposed: wire.Estimate) -> api.ApproveEstimateRequest:
    return api.ApproveEstimateRequest(
        request_id=IDS.new_id(), legal_entity=proposed.legal_entity, kind=proposed.kind,
        version=proposed.version, content_hash=proposed.content_hash,
    )  # fmt: skip


def refused(error: Any) -> tuple[str, dict[str, str]]:
    found: RemoteError = error.value
    return found.reason, dict(found.metadata)


@pytest.fixture
async def doors(migrated_database: Callable[[str], str]) -> AsyncIterator[Doors]:
    async with two_persons(migrated_database("tandem_finance_posting")) as both:
        yield Doors(both, EstimateServiceStub(both.maker), EstimateServiceStub(both.checker))


def returns(sold: int, cost: int, **rest: Any) -> wire.ReturnFigures:
    return wire.ReturnFigures(
        sold_revenue_minor=sold, sold_cost_minor=cost, rate_ppm=30_000, **rest
    )


async def test_a_reserve_is_built_up_used_and_released_by_differences(doors: Doors) -> None:
    await doors.approved(RESERVE, web=returns(1_000_000, 600_000), store=returns(10_000, 6_000))
    first = await doors.run()
    assert [(r.cohort, r.change_minor, r.change_asset_minor) for r in first] == [
        ("store", 300, 180), ("web", 30_000, 18_000),
    ]  # fmt: skip
    balances = await doors.books.balances()
    assert (balances["REFUND_LIAB"], balances["ROR_ASSET"]) == (-30_300, 18_180)
    assert (balances["REV_RETURNS"], balances["COGS"]) == (30_300, -18_180)
    again = await doors.run()
    assert all(run.event_key == "" for run in again), "a second run posts nothing"
    back = returns(1_000_000, 600_000, returned_revenue_minor=20_000, returned_cost_minor=12_000)
    await doors.approved(RESERVE, web=back)
    (store, web) = await doors.run()
    assert (store.target_minor, store.change_minor) == (0, -300), "left out: released"
    assert (web.change_minor, web.change_asset_minor) == (-20_000, -12_000)
    await doors.approved(RESERVE, web=returns(1_000_000, 600_000, window_over=True))
    await doors.run()
    balances = await doors.books.balances()
    assert {"REFUND_LIAB", "ROR_ASSET", "REV_RETURNS", "COGS"} & set(balances) == set()
    assert await doors.posted(RESERVE) == {"store": (0, 0, 2), "web": (0, 0, 3)}


async def test_journals_of_a_run_carry_maker_and_checker(books: Books) -> None:
    """In the whole service."""
    async with (
        books.running(),
        books.service.channel("maker") as maker,
        books.service.channel("checker") as checker,
    ):
        doors = Doors(books, EstimateServiceStub(maker), EstimateServiceStub(checker))
        await doors.approved(RESERVE, web=returns(1_000_000, 600_000))
        await doors.run()
    ((approvals,),) = await books.rows("SELECT approvals FROM journal")
    assert [a["subject"] for a in approvals] == ["maker", "checker"]


async def test_figures_come_into_force_by_two_persons_only(doors: Doors) -> None:
    proposed = await doors.propose(RESERVE, web=returns(1_000, 600))
    with pytest.raises(RemoteError) as error:
        await doors.maker.ApproveEstimate(approval(proposed))
    assert refused(error)[0] == "SELF_APPROVAL"
    with pytest.raises(RemoteError) as error:
        await doors.run()
    assert refused(error)[0] == "NOT_FOUND"
    other = approval(proposed)
    other.content_hash = "0" * 64
    with pytest.raises(RemoteError) as error:
        await doors.checker.ApproveEstimate(other)
    assert refused(error)[1]["field"] == "content_hash"
    newer = await doors.approved(RESERVE, web=returns(2_000, 600))
    with pytest.raises(RemoteError) as error:
        await doors.checker.ApproveEstimate(approval(proposed))
    assert "is older than 2" in refused(error)[1]["detail"]
    asked = api.GetEstimateRequest(legal_entity="US01", kind=RESERVE)
    assert (await doors.maker.GetEstimate(asked)).estimate == newer


async def test_breakage_follows_redemption_and_never_the_state_s_money(doors: Doors) -> None:
    def cards(redeemed: int, **rest: Any) -> wire.GiftCardFigures:
        return wire.GiftCardFigures(
            face_minor=10_000, expected_breakage_minor=1_000, redeemed_minor=redeemed, **rest
        )

    await doors.approved(BREAKAGE, y2026=cards(4_500), escheat=cards(4_500, escheats=True))
    runs = await doors.run(BREAKAGE)
    assert {r.cohort: r.change_minor for r in runs} == {"y2026": 500, "escheat": 0}
    await doors.approved(BREAKAGE, y2026=cards(9_000))
    assert [r.change_minor for r in await doors.run(BREAKAGE)] == [500]
    balances = await doors.books.balances()
    assert (balances["GIFT_CARD_LIAB"], balances["REV_BREAKAGE"]) == (1_000, -1_000)


async def test_loyalty_is_caught_up_when_the_expectation_changes(doors: Doors) -> None:
    def points(expected: int) -> wire.LoyaltyFigures:
        return wire.LoyaltyFigures(
            allocated_minor=1_000, expected_points=expected, redeemed_points=50
        )

    await doors.approved(LOYALTY, p=points(100))
    assert [r.change_minor for r in await doors.run(LOYALTY)] == [500]
    await doors.approved(LOYALTY, p=points(200))
    assert [r.change_minor for r in await doors.run(LOYALTY)] == [-250]
    assert (await doors.books.balances())["LOYALTY_LIAB"] == 250


async def test_runs_at_once_post_each_difference_once(doors: Doors) -> None:
    await doors.approved(RESERVE, web=returns(1_000_000, 600_000))
    await asyncio.gather(*(doors.run() for _ in range(5)))
    assert (await doors.books.balances())["REFUND_LIAB"] == -30_000
    assert await doors.books.rows("SELECT count(*) FROM journal") == [(1,)]
    told = "SELECT agg_id, agg_version FROM event_journal WHERE agg_type = 'estimate'"
    assert await doors.books.rows(told) == [("US01:RETURN_RESERVE:web", 1)]


async def test_a_dry_run_posts_nothing(doors: Doors) -> None:
    await doors.approved(RESERVE, web=returns(1_000_000, 600_000))
    (run,) = await doors.run(dry_run=True)
    assert (run.change_minor, run.event_key) == (30_000, "")
    assert await doors.books.balances() == {}
    assert await doors.posted(RESERVE) == {}


async def test_a_day_nobody_may_post_on_leaves_nothing_behind(doors: Doors) -> None:
    await doors.approved(RESERVE, web=returns(1_000_000, 600_000))
    with pytest.raises(RemoteError) as error:
        await doors.run(date="2999-01-31")
    reason, told = refused(error)
    assert (reason, told["period"], told["state"]) == ("PERIOD_SHUT", "2999-01", "FUTURE")
    assert await doors.posted(RESERVE) == {}
    assert await doors.books.rows("SELECT count(*) FROM finance_event") == [(0,)]


@pytest.mark.parametrize(
    ("kind", "figures", "field"),
    [
        (RESERVE, {"a": wire.ReturnFigures(sold_revenue_minor=10**16)}, "cohorts[0].sold_revenue"),
        (BREAKAGE, {"a": wire.GiftCardFigures(face_minor=1, redeemed_minor=2)},
         "cohorts[0].redeemed"),
        (LOYALTY, {"a": wire.LoyaltyFigures(allocated_minor=1)}, "cohorts[0].expected_points"),
    ],
)  # fmt: skip
async def test_figures_that_cannot_be_are_refused_with_their_name(
    doors: Doors, kind: int, figures: dict[str, Any], field: str
) -> None:
    with pytest.raises(RemoteError) as error:
        await doors.propose(kind, **figures)
    assert refused(error)[0] == "ESTIMATE_INVALID"
    assert refused(error)[1]["field"] == field


async def test_figures_of_another_kind_are_refused(doors: Doors) -> None:
    cohort = wire.EstimateCohort(cohort="a", loyalty=wire.LoyaltyFigures())
    request = api.ProposeEstimateRequest(
        request_id=IDS.new_id(), legal_entity="US01", kind=RESERVE, currency_code="USD",
        cohorts=[cohort], note="x",
    )  # fmt: skip
    with pytest.raises(RemoteError) as error:
        await doors.maker.ProposeEstimate(request)
    assert refused(error)[1]["field"] == "cohorts[0].figures"
