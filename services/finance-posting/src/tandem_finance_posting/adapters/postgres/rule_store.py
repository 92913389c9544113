"""Rule sets in force by tenant: the shipped one, and what a tenant activated over it."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from tandem_finance_posting.adapters.rules.rule_files import load_rules
from tandem_finance_posting.domain.rule_catalogue import RuleCatalogue
from tandem_finance_posting.domain.rule_set import RuleSet

_VERSIONS = text("""
    SELECT tenant, version FROM rule_registry WHERE tenant = ANY(CAST(:tenants AS text[]))
""")
_ACTIVE = text("""
    SELECT name, version, source FROM rule_set_version
    WHERE tenant = :tenant AND state = 'ACTIVE' ORDER BY version
""")
_ACTIVATED = text("""
    INSERT INTO rule_registry (tenant, version) VALUES (:tenant, 1)
    ON CONFLICT (tenant) DO UPDATE SET version = rule_registry.version + 1
""")


class RuleStore:
    """Asked in every posting transaction: a version approved a moment ago is in force at once, a
    compiled copy is only used while its number is still the newest."""

    def __init__(self, shipped: RuleCatalogue) -> None:
        self._shipped = shipped
        self._proved: dict[tuple[str, str, int], RuleSet] = {}
        self._known: dict[str, tuple[int, RuleCatalogue]] = {}

    @property
    def shipped(self) -> RuleCatalogue:
        """What every tenant begins with."""
        return self._shipped

    async def catalogues(
        self, connection: AsyncConnection, tenants: Iterable[str]
    ) -> dict[str, RuleCatalogue]:
        """The catalogue of each tenant, as of this transaction."""
        wanted = sorted(set(tenants))
        rows = await connection.execute(_VERSIONS, {"tenants": wanted})
        versions = {row[0]: row[1] for row in rows}
        return {
            tenant: await self._catalogue(connection, tenant, versions.get(tenant, 0))
            for tenant in wanted
        }

    async def catalogue(self, connection: AsyncConnection, tenant: str) -> RuleCatalogue:
        """The catalogue of one tenant."""
        return (await self.catalogues(connection, [tenant]))[tenant]

    async def _catalogue(
        self, connection: AsyncConnection, tenant: str, version: int
    ) -> RuleCatalogue:
        if version == 0:
            return self._shipped
        known = self._known.get(tenant)
        if known is not None and known[0] == version:
            return known[1]
        rows = (await connection.execute(_ACTIVE, {"tenant": tenant})).all()
        own = [self._rules(tenant, name, number, source) for name, number, source in rows]
        catalogue = RuleCatalogue((*self._shipped.versions, *own))
        self._known[tenant] = (version, catalogue)
        return catalogue

    def _rules(self, tenant: str, name: str, number: int, source: str) -> RuleSet:
        """A version never changes once it is stored, so it is proved once per process."""
        key = (tenant, name, number)
        if key not in self._proved:
            self._proved[key] = load_rules(source)
        return self._proved[key]


async def note_activation(connection: AsyncConnection, tenant: str) -> None:
    """Tells all processes that the tenant's rules changed."""
    await connection.execute(_ACTIVATED, {"tenant": tenant})
