"""Events of goods for the cost sub-ledger alone, and a ledger that takes them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date
from itertools import count
from typing import Any

from tandem_finance_posting.domain.cost_ledger import CostLedger, CostMove
from tandem_finance_posting.domain.cost_policy import CostPolicy
from tandem_finance_posting.domain.cost_pool import CostMethod, CostPool
from tandem_finance_posting.domain.cost_state import CostState, PoolKey
from tandem_finance_posting.domain.finance_event import FinanceEvent, Hold
from tandem_finance_posting.domain.rule_set import Policy

_NUMBERS = count(1)
Moves = Sequence[CostMove]


def chosen(**policies: str) -> CostPolicy:
    return CostPolicy({"t": {name: Policy(name, (), value) for name, value in policies.items()}})


FIFO = chosen(cost_method="fifo")
AVERAGE = CostPolicy()


def goods_event(order_id: str = "", **facts: Any) -> FinanceEvent:
    return FinanceEvent(
        tenant="t", source_system="test", type="goods.moved", id=str(next(_NUMBERS)),
        legal_entity="US01", original_date=date(2026, 3, 2), currency_code="USD", facts=facts,
        order_id=order_id,
    )  # fmt: skip


def moves(*kinds: str) -> list[CostMove]:
    """Each kind over the facts of its name, stamped under its name and "_done"."""
    return [CostMove(kind, kind, f"{kind}_done") for kind in kinds]


def ledger(policy: CostPolicy = AVERAGE) -> CostLedger:
    return CostLedger(CostState(policy))


def do(book: CostLedger, kind: str, *, order_id: str = "", **values: Any) -> dict[str, Any]:
    """One record of one move; the stamped record (the first of several)."""
    event = goods_event(order_id, **{kind: [{"sku": "A", **values}]})
    posted = post(book, event, moves(kind))
    assert not isinstance(posted, Hold), posted
    records: list[dict[str, Any]] = posted[f"{kind}_done"]
    return records[0] if records else {}


def post(book: CostLedger, event: FinanceEvent, declared: Moves) -> dict[str, Any] | Hold:
    """As the posting book does it."""
    hold = book.gate(event, declared)
    if hold is not None:
        book.note_hold(event, declared)
        return hold
    stamped = book.stamp(event, declared)
    book.keep()
    return stamped


def pool(book: CostLedger, sku: str = "A", area: str = "") -> CostPool:
    return book.state.pool(PoolKey("t", "US01", area, sku))


def numbers(pool: CostPool) -> tuple[int, int]:
    return pool.quantity, pool.value


def on_the_books(book: CostLedger) -> int:
    """Everything the sub-ledger says is worth something."""
    pools = sum(x.value for x in book.state.pools.values())
    return pools + sum(x.cost for x in book.state.asides.values())


def consistent(pools: Iterable[CostPool]) -> bool:
    """No value without units, layers that add up, nothing negative."""
    return all(_consistent(pool) for pool in pools)


def _consistent(pool: CostPool) -> bool:
    layers = pool.layers
    fifo = pool.method is CostMethod.FIFO
    return (
        pool.value >= 0
        and (pool.quantity > 0 or pool.value == 0)
        and sum(x.quantity for x in layers) == pool.quantity
        and sum(x.value for x in layers) == (pool.value if fifo else 0)
        and all(x.quantity > 0 and x.value >= 0 for x in layers)
    )


def stocked(quantity: int = 10, cost: int = 1_000, **values: Any) -> CostLedger:
    book = ledger()
    do(book, "receive", quantity=quantity, cost=cost, **values)
    return book


def parts(stamp: dict[str, Any], *names: str) -> list[int]:
    return [stamp[name] for name in names]
