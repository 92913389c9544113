"""Choices of an entity the cost sub-ledger follows, and the currency its pools are kept in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from tandem_finance_posting.domain.cost_pool import CostMethod
from tandem_finance_posting.domain.finance_event import FinanceEvent


class Choice(Protocol):
    """A switch of a rule set."""

    @property
    def by_entity(self) -> Mapping[str, str]:
        """Its values where they differ from the default."""
        ...

    def of(self, entity: str) -> str:
        """Its value for an entity."""
        ...


@dataclass(frozen=True)
class CostPolicy:
    """Policies of the rule sets in force, by tenant: ``cost_method`` (by "entity/area", entity, or
    the default), ``nrv_write_back`` and ``control_point``."""

    policies: Mapping[str, Mapping[str, Choice]] = field(default_factory=dict)

    def method(self, tenant: str, legal_entity: str, area: str) -> CostMethod:
        """The cost method of a valuation area; the moving average when nothing is said."""
        policy = self._policy(tenant, "cost_method")
        if policy is None:
            return CostMethod.MOVING_AVERAGE
        found = policy.by_entity.get(f"{legal_entity}/{area}") or policy.of(legal_entity)
        return CostMethod(found.upper())

    def write_back(self, tenant: str, legal_entity: str) -> bool:
        """True where a write-down may be taken back up to cost (IFRS; not US GAAP)."""
        policy = self._policy(tenant, "nrv_write_back")
        return policy is not None and policy.of(legal_entity) == "allowed"

    def at_delivery(self, tenant: str, legal_entity: str) -> bool:
        """True where goods are the entity's own until they reach the customer."""
        policy = self._policy(tenant, "control_point")
        return policy is not None and policy.of(legal_entity) == "deliver"

    def _policy(self, tenant: str, name: str) -> Choice | None:
        return self.policies.get(tenant, {}).get(name)


class CostCurrency(Protocol):
    """The currency of an entity's pools."""

    def code(self, event: FinanceEvent) -> str:
        """Code of the currency the pools of the event's entity are kept in."""
        ...

    def worth(self, event: FinanceEvent, amount: int) -> int:
        """An amount of the event in that currency. Raises MoveWaits without a rate."""
        ...


class SameCurrency:
    """Pools in the currency of each event: entities that buy and sell in their own."""

    def code(self, event: FinanceEvent) -> str:
        """The event's currency."""
        return event.currency_code

    def worth(self, event: FinanceEvent, amount: int) -> int:
        """The amount as it is."""
        return amount
