"""Rows of unpinned claims on sourcing groups, locked after the positions."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from tandem_inventory_availability.domain.group_claim import GroupClaim
from tandem_inventory_availability.domain.reservation_line import GroupKey

_SKUS = "unnest(CAST(:tenants AS text[]), CAST(:skus AS text[]))"
_KEYS = """unnest(CAST(:tenants AS text[]), CAST(:skus AS text[]), CAST(:groups AS text[]))"""
_CLAIMED = text(f"""
    SELECT tenant, sku, group_id FROM group_claim
    WHERE (tenant, sku) IN (SELECT * FROM {_SKUS}) AND (hard > 0 OR soft > 0)
""")
_EXIST = text(f"""
    INSERT INTO group_claim (tenant, sku, group_id)
    SELECT k.tenant, k.sku, k.group_id FROM {_KEYS} AS k (tenant, sku, group_id)
    ORDER BY 1, 2, 3 ON CONFLICT DO NOTHING
""")
_LOCK = text(f"""
    SELECT tenant, sku, group_id, hard, soft, in_conflict FROM group_claim
    WHERE (tenant, sku) IN (SELECT * FROM {_SKUS})
    ORDER BY tenant COLLATE "C", sku COLLATE "C", group_id COLLATE "C" FOR UPDATE
""")
_SAVE = text(f"""
    UPDATE group_claim AS g SET hard = n.hard, soft = n.soft, in_conflict = n.in_conflict
    FROM (SELECT * FROM ROWS FROM ({_KEYS}, unnest(CAST(:hard AS bigint[]),
            CAST(:soft AS bigint[]), CAST(:in_conflict AS boolean[]))))
        AS n (tenant, sku, group_id, hard, soft, in_conflict)
    WHERE g.tenant = n.tenant AND g.sku = n.sku AND g.group_id = n.group_id
""")


async def claimed(connection: AsyncConnection, skus: Collection[tuple[str, str]]) -> set[GroupKey]:
    """Groups anybody holds unpinned claims of, by tenant and SKU; expired holds are among them."""
    rows = await connection.execute(_CLAIMED, _sku_columns(skus))
    return {GroupKey(*row) for row in rows}


async def lock(
    connection: AsyncConnection,
    named: Collection[GroupKey],
    skus: Collection[tuple[str, str]],
) -> dict[GroupKey, GroupClaim]:
    """All claims on groups of the SKUs; those named are there afterwards."""
    if named:
        await connection.execute(_EXIST, _columns(sorted(named)))
    found = {}
    for row in await connection.execute(_LOCK, _sku_columns(skus)):
        key = GroupKey(row[0], row[1], row[2])
        found[key] = GroupClaim(key, row[3], row[4], in_conflict=row[5])
    return found


async def save(connection: AsyncConnection, claims: Sequence[GroupClaim]) -> None:
    """Writes claims as they now stand."""
    if not claims:
        return
    columns: dict[str, object] = _columns([claim.key for claim in claims])
    columns["hard"] = [claim.hard for claim in claims]
    columns["soft"] = [claim.soft for claim in claims]
    columns["in_conflict"] = [claim.in_conflict for claim in claims]
    await connection.execute(_SAVE, columns)


def _sku_columns(skus: Collection[tuple[str, str]]) -> dict[str, object]:
    ordered = sorted(skus)
    return {"tenants": [sku[0] for sku in ordered], "skus": [sku[1] for sku in ordered]}


def _columns(keys: Sequence[GroupKey]) -> dict[str, object]:
    return {
        "tenants": [key.tenant for key in keys],
        "skus": [key.sku for key in keys],
        "groups": [key.group for key in keys],
    }
