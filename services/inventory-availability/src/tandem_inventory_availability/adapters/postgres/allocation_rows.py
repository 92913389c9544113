"""Rows of allocation plans, locked after the positions and the claims on groups."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from tandem_inventory_availability.domain.allocation_plan import (
    AllocationPlan,
    Lending,
    PlanKey,
    Pot,
    Quota,
    QuotaMode,
    ScopeLevel,
)
from tandem_inventory_availability.domain.policy_rules import Window
from tandem_inventory_availability.domain.reservation_line import GroupKey
from tandem_inventory_availability.domain.stock_book import StockBook

_SKUS = "SELECT * FROM unnest(CAST(:tenants AS text[]), CAST(:skus AS text[]))"
# Two first plans of a SKU in different scopes have no row in common to lock. Seed 2 keeps the keys
# apart from those of request ids and owners.
_LOCK_SKUS = text("""
    SELECT pg_advisory_xact_lock(hash) FROM (
        SELECT DISTINCT hashtextextended(tenant || chr(31) || sku, 2) AS hash
        FROM unnest(CAST(:tenants AS text[]), CAST(:skus AS text[])) AS k (tenant, sku)
        ORDER BY 1) AS keys
""")
_COLUMNS = "tenant, sku, scope, level, version, quotas::text, drawn::text"
_LOCK = text(f"""
    SELECT {_COLUMNS} FROM allocation_plan WHERE (tenant, sku) IN ({_SKUS})
    ORDER BY tenant COLLATE "C", sku COLLATE "C", scope COLLATE "C" FOR UPDATE
""")
_OF_SKUS = text(f"""
    SELECT {_COLUMNS} FROM allocation_plan WHERE tenant = :tenant AND sku = ANY(:skus)
    ORDER BY sku COLLATE "C", scope COLLATE "C"
""")
_PAGE = text(f"""
    SELECT {_COLUMNS} FROM allocation_plan
    WHERE tenant = :tenant AND (:sku = '' OR sku = :sku)
      AND (sku COLLATE "C", scope COLLATE "C") > (:after_sku, :after_scope)
    ORDER BY sku COLLATE "C", scope COLLATE "C" LIMIT :rows
""")
_GROUPS = text(f"""
    SELECT tenant, sku, scope FROM allocation_plan
    WHERE level = 'GROUP' AND (tenant, sku) IN ({_SKUS})
""")
_SAVE = text("""
    INSERT INTO allocation_plan AS p (tenant, sku, scope, level, version, quotas, drawn)
    SELECT tenant, sku, scope, level, version, quotas, drawn
    FROM jsonb_to_recordset(CAST(:rows AS jsonb))
         AS n (tenant text, sku text, scope text, level text, version bigint, quotas jsonb,
               drawn jsonb)
    ON CONFLICT (tenant, sku, scope) DO UPDATE SET version = excluded.version,
        quotas = excluded.quotas, drawn = excluded.drawn, changes = p.changes + 1
""")


async def lock(
    connection: AsyncConnection, book: StockBook, planning: Collection[tuple[str, str]] = ()
) -> None:
    """Takes all plans of the batch's SKUs into the book. ``planning`` are SKUs whose plans are
    about to be made: nobody else makes one meanwhile."""
    if planning:
        await connection.execute(_LOCK_SKUS, _columns(planning))
    skus = {(key.tenant, key.sku) for key in book.positions}
    skus |= {(key.tenant, key.sku) for key in book.group_claims}
    if not skus:
        return
    for row in await connection.execute(_LOCK, _columns(skus)):
        plan = to_plan(row)
        book.plans[plan.key] = plan


async def of_skus(
    connection: AsyncConnection, tenant: str, skus: Sequence[str]
) -> list[AllocationPlan]:
    """Plans by SKU and scope, without a lock; draws of expired holds still count in them."""
    rows = await connection.execute(_OF_SKUS, {"tenant": tenant, "skus": list(skus)})
    return [to_plan(row) for row in rows]


async def page(
    connection: AsyncConnection, tenant: str, sku: str, after: tuple[str, str], rows: int
) -> list[AllocationPlan]:
    """Plans after one, by SKU and scope."""
    arguments = {
        "tenant": tenant,
        "sku": sku,
        "after_sku": after[0],
        "after_scope": after[1],
        "rows": rows,
    }
    return [to_plan(row) for row in await connection.execute(_PAGE, arguments)]


async def planned_groups(
    connection: AsyncConnection, skus: Collection[tuple[str, str]]
) -> set[GroupKey]:
    """Groups with a plan: their members are held still, for the plan shares out what they have."""
    rows = await connection.execute(_GROUPS, _columns(skus))
    return {GroupKey(*row) for row in rows}


async def save(connection: AsyncConnection, book: StockBook) -> None:
    """Writes the plans that changed."""
    if not book.changed_plans:
        return
    rows = json.dumps([_row(book.plans[key]) for key in sorted(book.changed_plans)])
    await connection.execute(_SAVE, {"rows": rows})


def _columns(skus: Collection[tuple[str, str]]) -> dict[str, object]:
    ordered = sorted(skus)
    return {"tenants": [sku[0] for sku in ordered], "skus": [sku[1] for sku in ordered]}


def to_plan(row: Sequence[Any]) -> AllocationPlan:
    """The plan of a row."""
    return AllocationPlan(
        key=PlanKey(row[0], row[1], row[2]),
        level=ScopeLevel(row[3]),
        version=row[4],
        quotas=tuple(_quota(item) for item in json.loads(row[5])),
        drawn={Pot(item[0], item[1]): item[2] for item in json.loads(row[6])},
    )


def _row(plan: AllocationPlan) -> dict[str, object]:
    return {
        "tenant": plan.key.tenant,
        "sku": plan.key.sku,
        "scope": plan.key.scope,
        "level": plan.level.value,
        "version": plan.version,
        "quotas": [_document(quota) for quota in plan.quotas],
        "drawn": [[*pot, units] for pot, units in sorted(plan.drawn.items()) if units],
    }


def _document(quota: Quota) -> dict[str, object]:
    return {
        "id": quota.id,
        "channel": quota.channel,
        "mode": quota.mode.value,
        "want": quota.want,
        "floor": quota.floor,
        "cap": quota.cap,
        "priority": quota.priority,
        "since": _text(quota.window.since),
        "until": _text(quota.window.until),
        "lend": quota.lend.value,
        "lend_after": _text(quota.lend_after),
        "may_borrow": quota.may_borrow,
    }


def _quota(item: Mapping[str, Any]) -> Quota:
    return Quota(
        id=item["id"],
        channel=item["channel"],
        mode=QuotaMode(item["mode"]),
        want=item["want"],
        floor=item["floor"],
        cap=item["cap"],
        priority=item["priority"],
        window=Window(_time(item["since"]), _time(item["until"])),
        lend=Lending(item["lend"]),
        lend_after=_time(item["lend_after"]),
        may_borrow=item["may_borrow"],
    )


def _text(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None


def _time(written: str | None) -> datetime | None:
    return datetime.fromisoformat(written) if written else None
