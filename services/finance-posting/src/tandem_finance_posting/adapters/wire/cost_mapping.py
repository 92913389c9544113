"""Rows of the cost sub-ledger as messages."""

from __future__ import annotations

from sqlalchemy import RowMapping
from tandem.finance.v1 import cost_pool_pb2 as wire

_METHODS = {
    "MOVING_AVERAGE": wire.CostPool.METHOD_MOVING_AVERAGE,
    "FIFO": wire.CostPool.METHOD_FIFO,
}
_STAGES = {
    "RETURNED": wire.GoodsAside.STAGE_RETURNED,
    "REFURB": wire.GoodsAside.STAGE_REFURB,
    "VENDOR": wire.GoodsAside.STAGE_VENDOR,
    "TRANSIT": wire.GoodsAside.STAGE_TRANSIT,
    "CUSTOMER": wire.GoodsAside.STAGE_CUSTOMER,
}
_NAMES: dict[int, str] = {number: name for name, number in _STAGES.items()}


def stage_name(stage: int) -> str:
    """The stage as it is stored; empty for none."""
    return _NAMES.get(stage, "")


def to_pool(row: RowMapping) -> wire.CostPool:
    """A pool. A row of before layers has none; its units are of no known receipt."""
    layers = row["layers"] or ([["", row["quantity"], 0]] if row["quantity"] else [])
    return wire.CostPool(
        legal_entity=row["legal_entity"],
        area=row["area"],
        sku=row["sku"],
        quantity=row["quantity"],
        value_minor=row["value_minor"],
        method=_METHODS[row["method"]],
        allowance_minor=row["allowance_minor"],
        layers=[
            wire.CostLayer(receipt_ref=ref, quantity=quantity, value_minor=value)
            for ref, quantity, value in layers
        ],
    )


def to_goods(row: RowMapping) -> wire.GoodsAside:
    """Goods in no pool."""
    return wire.GoodsAside(
        legal_entity=row["legal_entity"],
        stage=_STAGES[row["stage"]],
        ref=row["ref"],
        line_ref=row["line_ref"],
        quantity=row["quantity"],
        cost_minor=row["cost_minor"],
    )


def to_comparison(row: RowMapping) -> wire.StockComparison:
    """A role of the books beside its goods."""
    return wire.StockComparison(
        legal_entity=row["legal_entity"],
        role=row["role"],
        books_minor=row["books_minor"],
        goods_minor=row["goods_minor"],
    )
