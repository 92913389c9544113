"""Posts events one after the other on the state they touch; pure, so simulation is posting.

The caller loads pools, issued costs and open items of the events at hand, feeds the events in order
and writes what changed. Same state and same events give the same journals, on any machine.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any

from tandem_finance_posting.domain.cost_pool import CostPool, IssuedCost
from tandem_finance_posting.domain.expression import Facts
from tandem_finance_posting.domain.finance_event import (
    COST_MISSING,
    PREDECESSOR_MISSING,
    FinanceEvent,
    Hold,
)
from tandem_finance_posting.domain.journal import Journal, make_journal
from tandem_finance_posting.domain.open_items import OpenItems
from tandem_finance_posting.domain.posting_rule import RuleSet

RECEIVABLE, DEPOSIT = "AR_ORDER", "CUSTOMER_DEPOSIT"
DEPOSIT_APPLIED = "deposit.applied"

PoolKey = tuple[str, str, str]
"""Tenant, legal entity (the valuation area), SKU."""
IssueKey = tuple[str, str, str]
"""Tenant, order, order line."""
OrderKey = tuple[str, str]
"""Tenant, order."""


@dataclass(frozen=True)
class Posted:
    """What an event led to: its journals and the facts with stamped costs."""

    journals: tuple[Journal, ...]
    facts: Facts


@dataclass
class PostingBook:
    """State of everything the events at hand touch; starts with what is stored."""

    rules: RuleSet
    pools: dict[PoolKey, CostPool] = field(default_factory=dict)
    issued: dict[IssueKey, IssuedCost] = field(default_factory=dict)
    open_items: dict[OrderKey, OpenItems] = field(default_factory=dict)
    held_skus: set[PoolKey] = field(default_factory=set)
    """SKUs with an event that waits for cost: later ones must wait too, for the moving average
    depends on the order."""
    held_orders: set[OrderKey] = field(default_factory=set)
    """Orders with a held event: a return must not overtake its shipment. Money never waits for
    goods, the deposit is applied by whichever comes second."""

    def post(self, event: FinanceEvent) -> Posted | Hold:
        """Posts the event or says what it waits for; a held event changes nothing.

        Raises PostingRuleMissing, FinanceFactInvalid, JournalUnbalanced; then nothing has changed
        either.
        """
        hold = self._gate(event)
        if hold is not None:
            self.note_hold(event)
            return hold
        trial = replace(
            self,
            pools=dict(self.pools),
            issued=dict(self.issued),
            open_items=dict(self.open_items),
        )
        facts = trial._stamp_costs(event)
        journals = tuple(trial._journals(event, facts))
        self.pools, self.issued, self.open_items = trial.pools, trial.issued, trial.open_items
        return Posted(journals, facts)

    def _gate(self, event: FinanceEvent) -> Hold | None:
        if event.returns and (event.tenant, event.order_id) in self.held_orders:
            return Hold(PREDECESSOR_MISSING, f"an earlier event of order {event.order_id} waits")
        return self._cost_gate(event) or self._return_gate(event)

    def _cost_gate(self, event: FinanceEvent) -> Hold | None:
        needed: dict[str, int] = {}
        for issue in event.issues:
            needed[issue.sku] = needed.get(issue.sku, 0) + issue.quantity
        for sku, quantity in needed.items():
            key = self._pool_key(event, sku)
            if key in self.held_skus:
                return Hold(COST_MISSING, f"an earlier issue of {sku} waits for its cost")
            if not self.pools.get(key, CostPool()).can_issue(quantity):
                return Hold(COST_MISSING, f"{sku}: {quantity} units have no received cost")
        return None

    def _return_gate(self, event: FinanceEvent) -> Hold | None:
        needed: dict[str, int] = {}
        for item in event.returns:
            needed[item.line_ref] = needed.get(item.line_ref, 0) + item.quantity
        for line_ref, quantity in needed.items():
            issued = self.issued.get((event.tenant, event.order_id, line_ref), IssuedCost())
            if not issued.can_return(quantity):
                return Hold(PREDECESSOR_MISSING, f"shipment of line {line_ref} is not posted")
        return None

    def note_hold(self, event: FinanceEvent) -> None:
        """The event waits: what must not overtake it waits too."""
        self.held_skus.update(self._pool_key(event, issue.sku) for issue in event.issues)
        if event.order_id:
            self.held_orders.add((event.tenant, event.order_id))

    @staticmethod
    def _pool_key(event: FinanceEvent, sku: str) -> PoolKey:
        return event.tenant, event.legal_entity, sku

    def _stamp_costs(self, event: FinanceEvent) -> Facts:
        stamped: dict[str, Any] = {**event.facts}
        if event.receipts:
            self._receive(event)
        if event.issues:
            stamped["costs"] = [self._issue(event, issue) for issue in event.issues]
        if event.returns:
            stamped["returned_costs"] = [self._return(event, item) for item in event.returns]
        return stamped

    def _receive(self, event: FinanceEvent) -> None:
        for receipt in event.receipts:
            key = self._pool_key(event, receipt.sku)
            pool = self.pools.get(key, CostPool())
            self.pools[key] = pool.receive(receipt.quantity, receipt.cost)

    def _issue(self, event: FinanceEvent, issue: Any) -> dict[str, Any]:
        key = self._pool_key(event, issue.sku)
        self.pools[key], cost = self.pools[key].issue(issue.quantity)
        line = (event.tenant, event.order_id, issue.line_ref)
        self.issued[line] = self.issued.get(line, IssuedCost()).issued(issue.quantity, cost)
        return {
            "sku": issue.sku,
            "line_ref": issue.line_ref,
            "quantity": issue.quantity,
            "cost": cost,
        }

    def _return(self, event: FinanceEvent, item: Any) -> dict[str, Any]:
        line = (event.tenant, event.order_id, item.line_ref)
        self.issued[line], cost = self.issued[line].come_back(item.quantity)
        restock = cost if item.disposition == "RESTOCK" else 0
        scrap = cost if item.disposition == "SCRAP" else 0
        if restock:
            key = self._pool_key(event, item.sku)
            self.pools[key] = self.pools.get(key, CostPool()).receive(item.quantity, cost)
        return {
            "sku": item.sku,
            "line_ref": item.line_ref,
            "quantity": item.quantity,
            "cost": cost,
            "restock": restock,
            "scrap": scrap,
            "hold": cost - restock - scrap,
        }

    def _journals(self, event: FinanceEvent, facts: Facts) -> Iterable[Journal]:
        journal = make_journal(event, facts, self.rules)
        if journal is None:
            return
        yield journal
        if event.order_id:
            yield from self._apply_deposit(event, journal)

    def _apply_deposit(self, event: FinanceEvent, journal: Journal) -> Iterable[Journal]:
        key = (event.tenant, event.order_id)
        items = self.open_items.get(key, OpenItems())
        items = items.changed(journal.balance(RECEIVABLE), -journal.balance(DEPOSIT))
        amount = items.applicable
        if amount:
            items = items.applied()
            applied = _application(event, items.applications)
            derived = make_journal(applied, {"amount": amount}, self.rules)
            if derived is not None:
                yield derived
        self.open_items[key] = items


def _application(event: FinanceEvent, number: int) -> FinanceEvent:
    """The derived event: its key counts applications of the order, so a replay makes the same."""
    return replace(
        event,
        source_system="finance-posting",
        type=DEPOSIT_APPLIED,
        id=f"{event.order_id}:{number}",
        revision=1,
        facts={},
        issues=(),
        returns=(),
        receipts=(),
    )
