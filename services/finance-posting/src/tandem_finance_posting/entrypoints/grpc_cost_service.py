"""`tandem.finance.v1.CostService`: what the cost sub-ledger has, beside the books."""

from __future__ import annotations

from typing import Any

from tandem.finance.v1 import cost_service_pb2 as api
from tandem.finance.v1 import cost_service_pb2_grpc
from tandem_platform.pagination import PageTokens, page_size
from tandem_platform.request_context import current_caller

from tandem_finance_posting.adapters.postgres.cost_reads import AsideFilter, CostReads, PoolFilter
from tandem_finance_posting.adapters.wire.cost_mapping import (
    stage_name,
    to_comparison,
    to_goods,
    to_pool,
)


class CostService(cost_service_pb2_grpc.CostServiceServicer):
    """Maps requests to reads."""

    def __init__(self, reads: CostReads, page_tokens: PageTokens) -> None:
        self._reads = reads
        self._page_tokens = page_tokens

    async def ListCostPools(
        self, request: api.ListCostPoolsRequest, context: Any
    ) -> api.ListCostPoolsResponse:
        """A page of pools."""
        rows = page_size(request.page_size)
        after = self._page_tokens.decode(request.page_token, request)
        wanted = PoolFilter(
            current_caller().tenant, request.legal_entity, request.sku, request.with_empty
        )
        found = await self._reads.pools(wanted, after, rows + 1)
        token = ""
        if len(found) > rows:
            last = found[rows - 1]
            position = (last["legal_entity"], last["area"], last["sku"])
            token = self._page_tokens.encode(position, request)
        pools = [to_pool(row) for row in found[:rows]]
        return api.ListCostPoolsResponse(pools=pools, next_page_token=token)

    async def ListGoodsAside(
        self, request: api.ListGoodsAsideRequest, context: Any
    ) -> api.ListGoodsAsideResponse:
        """A page of goods in no pool."""
        rows = page_size(request.page_size)
        after = self._page_tokens.decode(request.page_token, request)
        wanted = AsideFilter(
            current_caller().tenant, request.legal_entity, stage_name(request.stage), request.ref
        )
        found = await self._reads.aside(wanted, after, rows + 1)
        token = ""
        if len(found) > rows:
            last = found[rows - 1]
            position = (last["legal_entity"], last["stage"], last["ref"], last["line_ref"])
            token = self._page_tokens.encode(position, request)
        goods = [to_goods(row) for row in found[:rows]]
        return api.ListGoodsAsideResponse(goods=goods, next_page_token=token)

    async def CompareStock(
        self, request: api.CompareStockRequest, context: Any
    ) -> api.CompareStockResponse:
        """Books and sub-ledger side by side."""
        tenant = current_caller().tenant
        found = await self._reads.compare(tenant, request.legal_entity)
        comparisons = [to_comparison(row) for row in found]
        return api.CompareStockResponse(
            comparisons=comparisons,
            agrees=all(x.books_minor == x.goods_minor for x in comparisons),
        )
