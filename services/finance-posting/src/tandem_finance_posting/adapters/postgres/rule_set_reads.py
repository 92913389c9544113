"""Reads of rule set versions: the shipped one and a tenant's own."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

import yaml
from sqlalchemy import text
from tandem_core.errors import NotFound
from tandem_platform.database import Database

from tandem_finance_posting.adapters.postgres.rule_set_rows import COLUMNS, version_of
from tandem_finance_posting.adapters.postgres.rule_store import RuleStore
from tandem_finance_posting.adapters.rules.rule_files import default_document, load_rules
from tandem_finance_posting.domain.rule_set import RuleSet
from tandem_finance_posting.domain.rule_set_version import RuleSetVersion, VersionState

NEVER = datetime(2000, 1, 1, tzinfo=UTC)

_LIST = text(f"""
    SELECT {COLUMNS} FROM rule_set_version
    WHERE tenant = :tenant
      AND (CAST(:name AS text) IS NULL OR (name, version) < (CAST(:name AS text), :version))
    ORDER BY name DESC, version DESC LIMIT :rows
""")
_ONE = text(f"""
    SELECT {COLUMNS} FROM rule_set_version
    WHERE tenant = :tenant AND name = :name AND version = :version
""")


class RuleSetReads:
    """Reads without locks."""

    def __init__(self, database: Database, rules: RuleStore) -> None:
        self._database = database
        self._rules = rules

    async def versions(
        self, tenant: str, after: Sequence[str | int] | None, rows: int
    ) -> list[RuleSetVersion]:
        """A page of versions, newest first; the shipped one closes the last page."""
        arguments = {
            "tenant": tenant,
            "name": after[0] if after else None,
            "version": after[1] if after else 0,
            "rows": rows,
        }
        async with self._database.transaction() as connection:
            found = (await connection.execute(_LIST, arguments)).mappings().all()
        versions = [version_of(row) for row in found]
        return versions if len(versions) == rows else [*versions, shipped_version(self._rules)]

    async def version(self, tenant: str, name: str, number: int) -> RuleSetVersion:
        """One version. Raises NotFound."""
        shipped = shipped_version(self._rules)
        if (name, number) == (shipped.name, shipped.version):
            return shipped
        arguments = {"tenant": tenant, "name": name, "version": number}
        async with self._database.transaction() as connection:
            found = (await connection.execute(_ONE, arguments)).mappings().all()
        if not found:
            raise NotFound("rule set", f"{name}/{number}")
        return version_of(found[0])

    async def rules(self, tenant: str, name: str, number: int) -> RuleSet:
        """The proved rules of a version, in force or not. Raises NotFound."""
        version = await self.version(tenant, name, number)
        shipped = self._rules.shipped.labelled(version.label)
        return shipped or load_rules(version.source)


def shipped_version(rules: RuleStore) -> RuleSetVersion:
    """The version this distribution ships: nobody proposed it, it is in force from the start."""
    shipped = rules.shipped.versions[0]
    return RuleSetVersion(
        name=shipped.name,
        version=shipped.version,
        effective_from=shipped.effective_from,
        source=yaml.safe_dump(dict(default_document()), sort_keys=False),
        diff_hash="",
        change_ref="",
        maker="",
        proposed_at=NEVER,
        rule_count=len(shipped.rules),
        state=VersionState.ACTIVE,
    )
