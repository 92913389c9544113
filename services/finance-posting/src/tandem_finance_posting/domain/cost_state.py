"""What the cost sub-ledger knows: pools, goods aside, receipts and the cost lines left with."""

from __future__ import annotations

from collections import ChainMap
from collections.abc import MutableMapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from tandem_finance_posting.domain.cost_policy import CostCurrency, CostPolicy, SameCurrency
from tandem_finance_posting.domain.cost_pool import CostPool, IssuedCost
from tandem_finance_posting.domain.goods_aside import GoodsAside, Stage
from tandem_finance_posting.domain.goods_receipt import Receipt
from tandem_finance_posting.domain.overlay import Overlay


class PoolKey(NamedTuple):
    """One SKU in one valuation area; area "" is the whole entity."""

    tenant: str
    legal_entity: str
    area: str
    sku: str


class AsideKey(NamedTuple):
    """Goods of one line of an order, transfer or vendor return in one stage."""

    tenant: str
    legal_entity: str
    stage: Stage
    ref: str
    line_ref: str


class ReceiptKey(NamedTuple):
    """One goods receipt."""

    tenant: str
    legal_entity: str
    receipt_ref: str


class LineKey(NamedTuple):
    """One order line."""

    tenant: str
    order_id: str
    line_ref: str


@dataclass
class CostState:
    """State by key. A trial of it takes changes without making them."""

    policy: CostPolicy = field(default_factory=CostPolicy)
    currency: CostCurrency = field(default_factory=SameCurrency)
    pools: MutableMapping[PoolKey, CostPool] = field(default_factory=Overlay)
    asides: MutableMapping[AsideKey, GoodsAside] = field(default_factory=Overlay)
    receipts: MutableMapping[ReceiptKey, Receipt] = field(default_factory=Overlay)
    lines: MutableMapping[LineKey, IssuedCost] = field(default_factory=Overlay)

    def pool(self, key: PoolKey) -> CostPool:
        """The pool, by the method of its area as soon as it is empty."""
        method = self.policy.method(key.tenant, key.legal_entity, key.area)
        return self.pools.get(key, CostPool()).by(method)

    def aside(self, key: AsideKey) -> GoodsAside:
        """Goods of that line in that stage; none when nothing is known."""
        return self.asides.get(key, GoodsAside())

    def line(self, key: LineKey) -> IssuedCost:
        """What left for that order line; nothing when nothing is known."""
        return self.lines.get(key, IssuedCost())

    def parts(self) -> tuple[MutableMapping[Any, Any], ...]:
        """The four mappings, always in the same order."""
        return self.pools, self.asides, self.receipts, self.lines

    def trial(self) -> CostState:
        """A state that reads through to this one and keeps its changes to itself."""
        return CostState(self.policy, self.currency, *(ChainMap({}, part) for part in self.parts()))

    def take_over(self, trial: CostState) -> list[set[Any]]:
        """Makes the changes of a trial; gives the keys that changed, part by part."""
        changed: list[set[Any]] = []
        for part, tried in zip(self.parts(), trial.parts(), strict=True):
            assert isinstance(tried, ChainMap), "only a trial can be taken over"
            part.update(tried.maps[0])
            changed.append(set(tried.maps[0]))
        return changed
