"""Changes of the configuration: new entries beside the ones they replace."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import RowMapping, text
from sqlalchemy.ext.asyncio import AsyncConnection

from tandem_inventory_availability.adapters.postgres.policy_documents import to_document
from tandem_inventory_availability.adapters.postgres.policy_rows import load_sources, next_version
from tandem_inventory_availability.application.put_policies import PolicyPut
from tandem_inventory_availability.domain.policy_entries import (
    EntryKey,
    PolicyEntry,
    PolicySources,
)

_SUPERSEDE = text("""
    UPDATE policy_entry SET superseded_by = :version
    WHERE tenant = :tenant AND superseded_by IS NULL AND (kind, id) IN (
        SELECT * FROM unnest(CAST(:kinds AS text[]), CAST(:ids AS text[])))
""")
_INSERT = text("""
    INSERT INTO policy_entry (tenant, kind, id, version, ordinal, content, valid_from, valid_until,
                              deleted, recorded_at, actor)
    SELECT :tenant, kind, id, :version, ordinal, content, since, until, deleted, :now, :actor
    FROM jsonb_to_recordset(CAST(:rows AS jsonb))
         AS n (kind text, id text, ordinal smallint, content jsonb, since timestamptz,
               until timestamptz, deleted boolean)
""")
_SKUS = text("""
    SELECT w.sku FROM unnest(CAST(:skus AS text[])) AS w (sku)
    WHERE NOT EXISTS (SELECT FROM item AS i WHERE i.tenant = :tenant AND i.sku = w.sku)
""")
_CLAIMED = text("""
    SELECT group_id, sku FROM group_claim
    WHERE tenant = :tenant AND group_id = ANY(:groups) AND hard + soft > 0
    ORDER BY group_id, sku LIMIT 1
""")
_FILTER = """tenant = :tenant AND (:kind = '' OR kind = :kind) AND (:id = '' OR id = :id)"""
_CURRENT = text(f"""
    SELECT kind, id, ordinal, content, valid_from, valid_until FROM policy_entry
    WHERE {_FILTER} AND superseded_by IS NULL AND NOT deleted
      AND (kind, id COLLATE "C", ordinal) > (:after_kind, :after_id, :after_ordinal)
    ORDER BY kind, id COLLATE "C", ordinal LIMIT :rows
""")
_CHANGES = text(f"""
    SELECT * FROM policy_entry WHERE {_FILTER}
      AND (-version, kind, id COLLATE "C", ordinal)
          > (:after_version, :after_kind, :after_id, :after_ordinal)
    ORDER BY -version, kind, id COLLATE "C", ordinal LIMIT :rows
""")
_VERSION = text("SELECT version FROM policy_version WHERE tenant = :tenant")


class PostgresPolicyStore:
    """The configuration on one open connection."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def claim_version(self, tenant: str) -> int:
        """The version of this change."""
        return await next_version(self._connection, tenant)

    async def sources(self, tenant: str) -> PolicySources:
        """All of it, as it is in force."""
        return await load_sources(self._connection, tenant)

    async def unknown_skus(self, tenant: str, skus: Collection[str]) -> set[str]:
        """Those of the SKUs that are not in the catalogue."""
        if not skus:
            return set()
        rows = await self._connection.execute(_SKUS, {"tenant": tenant, "skus": list(skus)})
        return {row[0] for row in rows}

    async def claimed_group(self, tenant: str, groups: Sequence[str]) -> tuple[str, str] | None:
        """A group of these with unpinned units."""
        if not groups:
            return None
        arguments = {"tenant": tenant, "groups": list(groups)}
        row = (await self._connection.execute(_CLAIMED, arguments)).first()
        return (row[0], row[1]) if row else None

    async def save(self, change: PolicyPut, version: int, now: datetime) -> None:
        """Writes the new schedules beside the old ones."""
        keys = [*dict.fromkeys(entry.key for entry in change.entries), *change.removed]
        head = {"tenant": change.tenant, "version": version}
        columns = {"kinds": [kind.value for kind, _ in keys], "ids": [key[1] for key in keys]}
        await self._connection.execute(_SUPERSEDE, {**head, **columns})
        rows = [*_entries(change.entries), *map(_removal, change.removed)]
        arguments = {**head, "now": now, "actor": change.actor, "rows": json.dumps(rows)}
        await self._connection.execute(_INSERT, arguments)


def _entries(entries: Sequence[PolicyEntry]) -> list[dict[str, Any]]:
    counts: dict[EntryKey, int] = {}
    rows = []
    for entry in entries:
        counts[entry.key] = ordinal = counts.get(entry.key, 0) + 1
        since, until = entry.window.since, entry.window.until
        rows.append(
            {
                "kind": entry.kind.value,
                "id": entry.id,
                "ordinal": ordinal,
                "content": to_document(entry),
                "since": since.isoformat() if since else None,
                "until": until.isoformat() if until else None,
                "deleted": False,
            }
        )
    return rows


def _removal(key: EntryKey) -> dict[str, Any]:
    kind, entry_id = key
    return {"kind": kind.value, "id": entry_id, "ordinal": 0, "content": {}, "deleted": True}


async def current(
    connection: AsyncConnection, tenant: str, filters: tuple[str, str], after: Any, rows: int
) -> Sequence[RowMapping]:
    """Entries in force after a place in the list; filters of kind and id may be empty."""
    kind, entry_id, ordinal = after or ("", "", 0)
    arguments = _page(tenant, filters, (kind, entry_id, ordinal), rows)
    return (await connection.execute(_CURRENT, arguments)).mappings().all()


async def changes(
    connection: AsyncConnection, tenant: str, filters: tuple[str, str], after: Any, rows: int
) -> Sequence[RowMapping]:
    """Changes, newest first, after a place in the list."""
    version, kind, entry_id, ordinal = after or (-(2**62), "", "", 0)
    arguments = _page(tenant, filters, (kind, entry_id, ordinal), rows)
    found = await connection.execute(_CHANGES, {**arguments, "after_version": int(version)})
    return found.mappings().all()


async def version_of(connection: AsyncConnection, tenant: str) -> int:
    """Version in force; 0 before anything was put."""
    return (await connection.execute(_VERSION, {"tenant": tenant})).scalar() or 0


def _page(
    tenant: str, filters: tuple[str, str], after: tuple[str, str, int], rows: int
) -> dict[str, object]:
    return {
        "tenant": tenant,
        "kind": filters[0],
        "id": filters[1],
        "after_kind": after[0],
        "after_id": after[1],
        "after_ordinal": int(after[2]),
        "rows": rows,
    }
