"""What roles mean to a close, from the rule set a tenant has in force."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from sqlalchemy.ext.asyncio import AsyncConnection

from tandem_finance_posting.adapters.postgres.rule_store import RuleStore
from tandem_finance_posting.domain.close_check import ClosePolicy
from tandem_finance_posting.domain.posting_rule import Side
from tandem_finance_posting.domain.rule_set import RuleSet

ORDER_ITEM = "order_id"
REFUND_PAYABLE = "REFUND_PAYABLE"
RESULT_FAMILIES = ("revenue", "expense")


@dataclass(frozen=True)
class ClosePolicies:
    """Policies of tenants; limits are the service's."""

    rules: RuleStore
    threshold_minor: int
    clearing_days: int

    async def __call__(self, connection: AsyncConnection, tenant: str, day: date) -> ClosePolicy:
        """The policy of a tenant on a day."""
        catalogue = await self.rules.catalogue(connection, tenant)
        return self.of(catalogue.in_force(day))

    def of(self, rules: RuleSet) -> ClosePolicy:
        """The policy a rule set leads to."""
        clears = {role.name: role.item for role in rules.roles.values() if role.clears}
        by_order = frozenset(name for name, item in clears.items() if item == ORDER_ITEM)
        return ClosePolicy(
            clear_by_order=by_order,
            clear_as_whole=frozenset(clears) - by_order,
            results=frozenset(
                role.name for role in rules.roles.values() if role.family in RESULT_FAMILIES
            ),
            refund_approvals=frozenset(
                rule.event_type
                for rule in rules.rules
                for line in rule.lines
                if line.role == REFUND_PAYABLE and line.side is Side.CREDIT
            ),
            threshold_minor=self.threshold_minor,
            clearing_days=self.clearing_days,
        )
