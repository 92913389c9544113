"""Rows of account maps: every version is kept, one of each tenant is in force."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

from sqlalchemy import RowMapping, text
from sqlalchemy.ext.asyncio import AsyncConnection
from tandem.finance.v1 import events_pb2
from tandem_core.errors import NotFound
from tandem_platform.event_journal import event_from
from tandem_platform.unit_of_work import UnitOfWork

from tandem_finance_posting.adapters.rules.account_map_file import (
    SHIPPED_VERSION,
    default_account_map,
)
from tandem_finance_posting.application.account_map_ports import MapState, MapVersion
from tandem_finance_posting.domain.account_map import AccountMap, MapEntry
from tandem_finance_posting.domain.export_batch_family import ExportFamily, ExportLevel

AGGREGATE = "account_map"
COPIES_MAX = 200
"""Versions kept read in the process; they never change, and the first that came goes first."""

# Proposals and approvals of a tenant queue here: two approvals at once would both find the same
# map in force.
_LOCK = text("SELECT pg_advisory_xact_lock(hashtextextended('account_map' || :tenant, 0))")
_NEWEST = text("SELECT coalesce(max(version), 0) FROM account_map WHERE tenant = :tenant")
_ACTIVE = text("SELECT version FROM account_map WHERE tenant = :tenant AND state = 'ACTIVE'")
_ONE = text("SELECT * FROM account_map WHERE tenant = :tenant AND version = :version")
_LIST = text("""
    SELECT version, state, base_version, content_hash, note, proposed_by, proposed_at, decided_by,
           decided_at, decision_note
    FROM account_map WHERE tenant = :tenant AND (CAST(:after AS integer) IS NULL
                                                 OR version < :after)
    ORDER BY version DESC LIMIT :rows
""")
_SAVE = text("""
    INSERT INTO account_map (tenant, version, state, base_version, content, content_hash, note,
        proposed_by, proposed_at, decided_by, decided_at, decision_note)
    VALUES (:tenant, :version, :state, :base_version, CAST(:content AS jsonb), :content_hash,
        :note, :proposed_by, :proposed_at, :decided_by, :decided_at, :decision_note)
    ON CONFLICT (tenant, version) DO UPDATE SET state = excluded.state,
        decided_by = excluded.decided_by, decided_at = excluded.decided_at,
        decision_note = excluded.decision_note
""")
_ACTIVATIONS = text("""
    SELECT count(*) FROM account_map WHERE tenant = :tenant AND state IN ('ACTIVE', 'RETIRED')
""")

_copies: dict[tuple[str, int, str], AccountMap] = {}


class PostgresAccountMaps:
    """Versions on one open unit of work."""

    def __init__(self, unit: UnitOfWork) -> None:
        self._unit = unit
        self._activations = 0

    async def lock(self, tenant: str) -> int:
        """The newest version's number; other writers of the tenant wait."""
        await self._unit.connection.execute(_LOCK, {"tenant": tenant})
        found = await self._unit.connection.execute(_ACTIVATIONS, {"tenant": tenant})
        self._activations = int(found.scalar_one())
        newest = await self._unit.connection.execute(_NEWEST, {"tenant": tenant})
        return int(newest.scalar_one())

    async def in_force(self, tenant: str) -> MapVersion:
        """The one in force."""
        return await map_in_force(self._unit.connection, tenant)

    async def version(self, tenant: str, version: int) -> MapVersion:
        """One of them. Raises NotFound."""
        return await map_version(self._unit.connection, tenant, version)

    async def save(self, tenant: str, version: MapVersion) -> None:
        """Inserts it or writes its state."""
        values = {
            "tenant": tenant,
            "version": version.map.version,
            "state": version.state.value,
            "base_version": version.base_version,
            "content": json.dumps(to_document(version.map)),
            "content_hash": version.content_hash,
            "note": version.note,
            "proposed_by": version.proposed_by,
            "proposed_at": version.proposed_at,
            "decided_by": version.decided_by,
            "decided_at": version.decided_at,
            "decision_note": version.decision_note,
        }
        await self._unit.connection.execute(_SAVE, values)

    def tell_activated(self, tenant: str, version: MapVersion, at: datetime) -> None:
        """Tells other services when the transaction commits; call after `lock`."""
        message = events_pb2.AccountMapActivated(
            version=version.map.version,
            content_hash=version.content_hash,
            propose_subject=version.proposed_by,
            decide_subject=version.decided_by,
        )
        self._unit.record(
            event_from(
                message,
                aggregate_type=AGGREGATE,
                aggregate_id=AGGREGATE,
                aggregate_version=self._activations + 1,
                occurred_at=at,
                tenant=tenant,
                partition_key=f"{tenant}:{AGGREGATE}",
            )
        )


async def map_in_force(connection: AsyncConnection, tenant: str) -> MapVersion:
    """The map in force: the shipped one until a tenant has approved its own."""
    found = (await connection.execute(_ACTIVE, {"tenant": tenant})).scalar()
    return await map_version(connection, tenant, found or SHIPPED_VERSION)


async def map_version(connection: AsyncConnection, tenant: str, version: int) -> MapVersion:
    """A version of the map. Raises NotFound."""
    if version == SHIPPED_VERSION:
        return MapVersion(default_account_map(), MapState.ACTIVE)
    arguments = {"tenant": tenant, "version": version}
    row = (await connection.execute(_ONE, arguments)).mappings().first()
    if row is None:
        raise NotFound("account_map", str(version))
    return version_of(row, _map_of(tenant, row))


async def map_versions(
    connection: AsyncConnection, tenant: str, after: int | None, rows: int
) -> Sequence[RowMapping]:
    """Versions without their content, newest first, behind one."""
    arguments = {"tenant": tenant, "after": after, "rows": rows}
    return (await connection.execute(_LIST, arguments)).mappings().all()


def version_of(row: RowMapping, account_map: AccountMap) -> MapVersion:
    """A row with the map it holds."""
    return MapVersion(
        map=account_map,
        state=MapState(row["state"]),
        base_version=row["base_version"],
        note=row["note"],
        proposed_by=row["proposed_by"],
        proposed_at=row["proposed_at"],
        decided_by=row["decided_by"],
        decided_at=row["decided_at"],
        decision_note=row["decision_note"],
    )


def _map_of(tenant: str, row: RowMapping) -> AccountMap:
    """Checked once, when it was proposed; the hash in the key shows that it is still that one."""
    key = (tenant, row["version"], row["content_hash"])
    if key not in _copies:
        if len(_copies) >= COPIES_MAX:
            del _copies[next(iter(_copies))]
        _copies[key] = from_document(row["version"], row["content"])
    return _copies[key]


def to_document(account_map: AccountMap) -> dict[str, Any]:
    """The content of a version as JSON."""
    return {
        "entries": [
            {
                "role": e.role,
                "entity": e.legal_entity,
                "book": e.book,
                "dimensions": dict(e.dimensions),
                "segments": dict(e.segments),
                "since": e.since.isoformat() if e.since else None,
                "until": e.until.isoformat() if e.until else None,
            }
            for e in account_map.entries
        ],
        "families": [
            {
                "name": f.name,
                "roles": list(f.roles),
                "level": f.level.value,
                "dimensions": list(f.dimensions),
            }
            for f in account_map.families
        ],
    }


def from_document(version: int, document: dict[str, Any]) -> AccountMap:
    """A version from its JSON."""
    entries = tuple(
        MapEntry(
            role=e["role"],
            segments=e["segments"],
            legal_entity=e["entity"],
            book=e["book"],
            dimensions=e["dimensions"],
            since=date.fromisoformat(e["since"]) if e["since"] else None,
            until=date.fromisoformat(e["until"]) if e["until"] else None,
        )
        for e in document["entries"]
    )
    families = tuple(
        ExportFamily(f["name"], tuple(f["roles"]), ExportLevel(f["level"]), tuple(f["dimensions"]))
        for f in document["families"]
    )
    return AccountMap(version, entries, families)
