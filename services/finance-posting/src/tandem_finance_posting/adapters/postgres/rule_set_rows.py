"""Rows of rule set versions, and stored events to try them on."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Sequence
from datetime import date
from typing import Any

from sqlalchemy import RowMapping, text
from sqlalchemy.ext.asyncio import AsyncConnection
from tandem.finance.v1 import events_pb2
from tandem_core.errors import NotFound
from tandem_platform.event_journal import event_from
from tandem_platform.unit_of_work import UnitOfWork

from tandem_finance_posting.adapters.postgres.rule_store import RuleStore, note_activation
from tandem_finance_posting.adapters.rules.rule_files import load_rules
from tandem_finance_posting.adapters.wire.rule_set_mapping import to_version
from tandem_finance_posting.application.rule_ports import HistoryRange
from tandem_finance_posting.domain.rule_catalogue import RuleCatalogue
from tandem_finance_posting.domain.rule_comparison import StoredEvent
from tandem_finance_posting.domain.rule_set import RuleSet
from tandem_finance_posting.domain.rule_set_version import RuleSetVersion, VersionState

PAGE_ROWS = 2_000

_TURN = text("SELECT pg_advisory_xact_lock(hashtextextended('rule sets of ' || :tenant, 0))")
_NEWEST = text("""
    SELECT coalesce(max(version), 0) FROM rule_set_version WHERE tenant = :tenant AND name = :name
""")
COLUMNS = """
    name, version, state, effective_from, source, diff_hash, change_ref, maker, proposed_at,
    compared, checker, decided_at, reason, rule_count
"""
_LOCKED = text(f"""
    SELECT {COLUMNS} FROM rule_set_version
    WHERE tenant = :tenant AND name = :name AND version = :version FOR UPDATE
""")
_SAVE = text("""
    INSERT INTO rule_set_version (tenant, name, version, state, effective_from, source, diff_hash,
        change_ref, maker, proposed_at, checker, decided_at, reason, rule_count)
    VALUES (:tenant, :name, :version, :state, :effective_from, :source, :diff_hash, :change_ref,
        :maker, :proposed_at, :checker, :decided_at, :reason, :rule_count)
    ON CONFLICT (tenant, name, version) DO UPDATE SET state = excluded.state,
        checker = excluded.checker, decided_at = excluded.decided_at, reason = excluded.reason
""")
_COMPARED = text("""
    UPDATE rule_set_version SET compared = CAST(:compared AS jsonb)
    WHERE tenant = :tenant AND name = :name AND version = :version
""")
_HISTORY = text("""
    SELECT event_key, event_type, legal_entity, original_date, currency_code, facts, accepted_no
    FROM finance_event
    WHERE tenant = :tenant AND state IN ('POSTED', 'NOT_POSTABLE') AND accepted_no < :before
      AND original_date BETWEEN :first AND :last
    ORDER BY accepted_no DESC LIMIT :rows
""")
_COUNT = text("""
    SELECT count(*) FROM finance_event
    WHERE tenant = :tenant AND state IN ('POSTED', 'NOT_POSTABLE')
      AND original_date BETWEEN :first AND :last
""")
_MESSAGES = {
    "PROPOSED": (1, events_pb2.RuleSetProposed),
    "ACTIVATED": (2, events_pb2.RuleSetActivated),
    "REJECTED": (2, events_pb2.RuleSetRejected),
}


class PostgresRuleSetStore:
    """Versions of one tenant in one unit of work."""

    def __init__(self, unit: UnitOfWork, tenant: str, rules: RuleStore) -> None:
        self._unit = unit
        self._tenant = tenant
        self._rules = rules

    def proved(self, source: str) -> RuleSet:
        """The rule set of a source. Raises PostingRuleInvalid."""
        return load_rules(source)

    async def catalogue(self) -> RuleCatalogue:
        """What is in force."""
        return await self._rules.catalogue(self._unit.connection, self._tenant)

    async def newest_version(self, name: str) -> int:
        """The highest version of a set; whoever else proposes one waits."""
        connection = self._unit.connection
        await connection.execute(_TURN, {"tenant": self._tenant})
        arguments = {"tenant": self._tenant, "name": name}
        stored = (await connection.execute(_NEWEST, arguments)).scalar_one()
        shipped = [x.version for x in self._rules.shipped.versions if x.name == name]
        return int(max([stored, *shipped]))

    async def locked(self, name: str, version: int) -> RuleSetVersion:
        """A stored version. Raises NotFound."""
        arguments = {"tenant": self._tenant, "name": name, "version": version}
        rows = (await self._unit.connection.execute(_LOCKED, arguments)).mappings().all()
        if not rows:
            raise NotFound("rule set", f"{name}/{version}")
        return version_of(rows[0])

    async def save(self, version: RuleSetVersion, what: str) -> None:
        """Writes it and tells what happened."""
        connection = self._unit.connection
        await connection.execute(_SAVE, {"tenant": self._tenant, **_row(version)})
        if version.state is VersionState.ACTIVE:
            await note_activation(connection, self._tenant)
        number, message = _MESSAGES[what]
        self._unit.record(
            event_from(
                message(version=to_version(version)),
                aggregate_type="rule_set",
                aggregate_id=version.label,
                aggregate_version=number,
                occurred_at=version.decided_at or version.proposed_at,
                tenant=self._tenant,
            )
        )

    async def keep_comparison(self, version: RuleSetVersion) -> None:
        """Writes its evidence."""
        arguments = {
            "tenant": self._tenant,
            "name": version.name,
            "version": version.version,
            "compared": json.dumps(version.compared),
        }
        await self._unit.connection.execute(_COMPARED, arguments)

    async def history(self, wanted: HistoryRange) -> AsyncIterator[Sequence[StoredEvent]]:
        """Posted events in pages, newest first."""
        async for page in history_pages(self._unit.connection, self._tenant, wanted):
            yield page


async def history_pages(
    connection: AsyncConnection, tenant: str, wanted: HistoryRange
) -> AsyncIterator[Sequence[StoredEvent]]:
    """Posted events of a range in pages, newest first, at most ``events_max`` in all."""
    before, left = 2**62, wanted.events_max
    days = {"first": wanted.first, "last": wanted.last}
    while left > 0:
        arguments = {"tenant": tenant, "before": before, "rows": min(PAGE_ROWS, left), **days}
        rows = (await connection.execute(_HISTORY, arguments)).all()
        if not rows:
            return
        yield [StoredEvent(*row[:6]) for row in rows]
        before, left = rows[-1][6], left - len(rows)


async def history_count(connection: AsyncConnection, tenant: str, first: date, last: date) -> int:
    """Posted events of a range."""
    arguments = {"tenant": tenant, "first": first, "last": last}
    return int((await connection.execute(_COUNT, arguments)).scalar_one())


def version_of(row: RowMapping) -> RuleSetVersion:
    """A version as stored."""
    return RuleSetVersion(**{**row, "state": VersionState(row["state"])})


def _row(version: RuleSetVersion) -> dict[str, Any]:
    names = [name.strip() for name in COLUMNS.split(",")]
    return {name: getattr(version, name) for name in names if name != "compared"}
