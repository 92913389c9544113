"""The cost sub-ledger as an auditor asks for it: pools, goods elsewhere, the books beside them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from sqlalchemy import text
from tandem.finance.v1 import cost_pool_pb2 as wire
from tandem.finance.v1 import cost_service_pb2 as api
from tandem.finance.v1.cost_service_pb2_grpc import CostServiceStub

from ..unit.life_cycle import Story, received
from .books_under_test import Books
from .test_quarter_through_the_service import request


@pytest.fixture
async def stocked(open_books: Books) -> AsyncIterator[tuple[Books, CostServiceStub]]:
    """Two SKUs in two areas, a transfer on its way, a unit that came back."""
    story = Story()
    rows = [("A", 10, 1_000, "W", "R1"), ("A", 5, 600, "W", "R2"), ("B", 4, 400, "", "R1")]
    story.tell("po.received", receipts=[received(*row) for row in rows])
    story.ship("O1", "1", ("A", 3, "W"), list=900)
    way = {"lines": [{"sku": "B", "quantity": 1}], "transfer_ref": "T1"}
    story.tell("transfer.shipped", **way)
    back = {"line_ref": "1", "sku": "A", "quantity": 1}
    story.tell("return.received", "O1", lines=[back])
    for event in story.events:
        await open_books.posting.SubmitFinanceEvent(request(event))
    async with open_books.service.channel() as channel:
        yield open_books, CostServiceStub(channel)


async def pages(call: Any, ask: Any, records: str) -> list[Any]:
    """One at a time, until there are no more."""
    found: list[Any] = []
    while True:
        ask.page_size = 1
        page = await call(ask)
        found += getattr(page, records)
        if not page.next_page_token:
            return found
        ask.page_token = page.next_page_token


async def test_pools_are_listed_each_once_with_what_is_left_of_their_receipts(
    stocked: tuple[Books, CostServiceStub],
) -> None:
    _, cost = stocked
    found = await pages(cost.ListCostPools, api.ListCostPoolsRequest(), "pools")
    assert [(x.area, x.sku, x.quantity, x.value_minor) for x in found] == [
        ("", "B", 3, 300),
        ("W", "A", 12, 1_280),
    ]
    assert [(x.receipt_ref, x.quantity) for x in found[1].layers] == [("R1", 7), ("R2", 5)]
    assert found[1].method == wire.CostPool.METHOD_MOVING_AVERAGE
    only = await cost.ListCostPools(api.ListCostPoolsRequest(sku="A", legal_entity="US01"))
    assert [x.sku for x in only.pools] == ["A"]
    assert not (await cost.ListCostPools(api.ListCostPoolsRequest(legal_entity="US02"))).pools


async def test_goods_in_no_pool_say_where_they_are(
    stocked: tuple[Books, CostServiceStub],
) -> None:
    _, cost = stocked
    found = await pages(cost.ListGoodsAside, api.ListGoodsAsideRequest(), "goods")
    assert [(x.stage, x.ref, x.line_ref, x.quantity, x.cost_minor) for x in found] == [
        (wire.GoodsAside.STAGE_RETURNED, "O1", "1", 1, 107),
        (wire.GoodsAside.STAGE_TRANSIT, "T1", "B", 1, 100),
    ]
    ask = api.ListGoodsAsideRequest(stage=wire.GoodsAside.STAGE_TRANSIT)
    assert [x.ref for x in (await cost.ListGoodsAside(ask)).goods] == ["T1"]
    ask = api.ListGoodsAsideRequest(ref="O1")
    assert [x.ref for x in (await cost.ListGoodsAside(ask)).goods] == ["O1"]


async def test_books_and_sub_ledger_are_compared_role_by_role_and_a_difference_is_seen(
    stocked: tuple[Books, CostServiceStub],
) -> None:
    books, cost = stocked
    found = await cost.CompareStock(api.CompareStockRequest())
    assert found.agrees
    assert {x.role: x.books_minor for x in found.comparisons} == {
        "INVENTORY": 1_580, "INV_RETURNS_HOLD": 107, "INV_IN_TRANSIT": 100,
    }  # fmt: skip
    async with books.database.transaction() as connection:
        await connection.execute(text("UPDATE cost_pool SET value_minor = 301 WHERE sku = 'B'"))
    found = await cost.CompareStock(api.CompareStockRequest(legal_entity="US01"))
    assert not found.agrees
    assert {x.role: x.goods_minor - x.books_minor for x in found.comparisons} == {
        "INVENTORY": 1, "INV_RETURNS_HOLD": 0, "INV_IN_TRANSIT": 0,
    }  # fmt: skip
