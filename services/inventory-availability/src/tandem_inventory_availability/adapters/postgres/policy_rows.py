"""Policies of tenants: a compiled copy in the process, and one row that says if it is current."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from tandem_inventory_availability.adapters.postgres.policy_documents import from_document
from tandem_inventory_availability.domain.catalogue import Location, LocationKind
from tandem_inventory_availability.domain.policy_entries import PolicySources
from tandem_inventory_availability.domain.stock_policy import StockPolicy

COPIES_MAX = 1_000
"""Tenants whose policy is kept compiled; the one that came first goes first."""

_STAMPS = text("""
    SELECT tenant, stamp::text FROM policy_version WHERE tenant = ANY(:tenants)
""")
# One statement, so that all of it is of one moment and belongs to the stamp beside it.
_SOURCES = text("""
    SELECT tenant, 'VERSION' AS kind, jsonb_build_object('version', version, 'stamp', stamp) AS body
    FROM policy_version WHERE tenant = ANY(:tenants)
    UNION ALL
    SELECT tenant, 'LOCATION', jsonb_build_object('id', id, 'kind', kind, 'title', title,
        'priority', priority, 'ships', ships)
    FROM location WHERE tenant = ANY(:tenants)
    UNION ALL
    SELECT tenant, 'BUNDLE', jsonb_build_object('sku', bundle, 'components',
        jsonb_object_agg(component, ratio))
    FROM bundle_component WHERE tenant = ANY(:tenants) GROUP BY tenant, bundle
    UNION ALL
    SELECT tenant, 'ENTRY', jsonb_build_object('kind', kind, 'id', id, 'content', content,
        'ordinal', ordinal, 'since', valid_from, 'until', valid_until)
    FROM policy_entry
    WHERE tenant = ANY(:tenants) AND superseded_by IS NULL AND NOT deleted
""")
# Locations and bundles keep no history: they are as they are now.
_ENTRIES_THEN = text("""
    SELECT e.kind, e.id, e.content, e.valid_from, e.valid_until, e.version
    FROM policy_entry AS e
    WHERE e.tenant = :tenant AND e.recorded_at <= :at AND NOT e.deleted AND NOT EXISTS (
        SELECT FROM policy_entry AS s
        WHERE s.tenant = e.tenant AND s.kind = e.kind AND s.id = e.id
          AND s.version = e.superseded_by AND s.recorded_at <= :at)
    ORDER BY e.kind, e.id, e.ordinal
""")
_NEXT_VERSION = text("""
    INSERT INTO policy_version AS v (tenant, version, stamp) VALUES (:tenant, 1, gen_random_uuid())
    ON CONFLICT (tenant) DO UPDATE SET version = v.version + 1, stamp = gen_random_uuid()
    RETURNING version
""")

_copies: dict[str, tuple[str, StockPolicy]] = {}


async def load_policies(
    connection: AsyncConnection, tenants: Collection[str]
) -> dict[str, StockPolicy]:
    """The policy of each tenant as this transaction sees it.

    Call it after the locks are taken: what was decided before they came must not rule after.
    Reads one short row of each tenant; all else only when that row says that it changed.
    """
    wanted = set(tenants)
    if not wanted:
        return {}
    rows = await connection.execute(_STAMPS, {"tenants": sorted(wanted)})
    stamps = {row[0]: row[1] for row in rows}
    found = {
        tenant: _copies[tenant][1]
        for tenant in wanted
        if tenant in _copies and _copies[tenant][0] == stamps.get(tenant)
    }
    for tenant, (stamp, sources) in (await _read(connection, wanted - found.keys())).items():
        found[tenant] = sources.compiled()
        if stamp:
            _keep(tenant, stamp, found[tenant])
    return found


def last_known(tenants: Collection[str]) -> dict[str, StockPolicy] | None:
    """What this process last read, to guess which rows to lock; None when it has not read all.

    No decision may rest on it: `load_policies` says what is in effect.
    """
    known = {tenant: _copies[tenant][1] for tenant in tenants if tenant in _copies}
    return known if len(known) == len(set(tenants)) else None


async def load_sources(connection: AsyncConnection, tenant: str) -> PolicySources:
    """What the policy of a tenant is made of."""
    return (await _read(connection, {tenant}))[tenant][1]


async def policy_then(connection: AsyncConnection, tenant: str, at: datetime) -> StockPolicy:
    """The policy as it was known at a moment."""
    sources = await load_sources(connection, tenant)
    rows = (await connection.execute(_ENTRIES_THEN, {"tenant": tenant, "at": at})).all()
    entries = tuple(
        from_document(row.kind, row.id, row.content, _window(row.valid_from, row.valid_until))
        for row in rows
    )
    version = max((row.version for row in rows), default=0)
    return replace(sources, version=version, entries=entries).compiled()


async def next_version(connection: AsyncConnection, tenant: str) -> int:
    """The version of a change that is being written; other writers wait until it is over."""
    return int((await connection.execute(_NEXT_VERSION, {"tenant": tenant})).scalar_one())


async def _read(
    connection: AsyncConnection, tenants: Collection[str]
) -> dict[str, tuple[str, PolicySources]]:
    if not tenants:
        return {}
    bodies: dict[str, dict[str, list[dict[str, Any]]]] = {tenant: {} for tenant in tenants}
    for tenant, kind, body in await connection.execute(_SOURCES, {"tenants": sorted(tenants)}):
        bodies[tenant].setdefault(kind, []).append(body)
    return {tenant: _sources(kinds) for tenant, kinds in bodies.items()}


def _sources(kinds: Mapping[str, list[dict[str, Any]]]) -> tuple[str, PolicySources]:
    versions = kinds.get("VERSION", [])
    entries = [
        from_document(e["kind"], e["id"], e["content"], _window(e["since"], e["until"]))
        for e in sorted(kinds.get("ENTRY", ()), key=lambda e: (e["kind"], e["id"], e["ordinal"]))
    ]
    sources = PolicySources(
        version=versions[0]["version"] if versions else 0,
        locations={body["id"]: _location(body) for body in kinds.get("LOCATION", ())},
        bundles={body["sku"]: body["components"] for body in kinds.get("BUNDLE", ())},
        entries=tuple(entries),
    )
    return versions[0]["stamp"] if versions else "", sources


def _window(since: Any, until: Any) -> dict[str, Any]:
    return {"since": since, "until": until}


def _location(body: Mapping[str, Any]) -> Location:
    return Location(
        body["id"], LocationKind(body["kind"]), body["title"], body["priority"], body["ships"]
    )


def _keep(tenant: str, stamp: str, policy: StockPolicy) -> None:
    if tenant not in _copies and len(_copies) >= COPIES_MAX:
        del _copies[next(iter(_copies))]
    _copies[tenant] = (stamp, policy)
