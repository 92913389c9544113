"""Rows of publication policies and of what channels were last told."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from tandem_inventory_availability.domain.allocation_plan import PlanKey
from tandem_inventory_availability.domain.publication import PublicationPolicy, Told

_PUT = text("""
    INSERT INTO publication_policy AS p (tenant, channel, sku, content, version)
    VALUES (:tenant, :channel, :sku, CAST(:content AS jsonb), 1)
    ON CONFLICT (tenant, channel, sku)
        DO UPDATE SET content = excluded.content, version = p.version + 1
    RETURNING version
""")
_PAGE = text("""
    SELECT channel, sku, content::text, version FROM publication_policy
    WHERE tenant = :tenant AND (:channel = '' OR channel = :channel)
      AND (channel COLLATE "C", sku COLLATE "C") > (:after_channel, :after_sku)
    ORDER BY channel COLLATE "C", sku COLLATE "C" LIMIT :rows
""")
_ALL = text("""
    SELECT channel, sku, content::text, version FROM publication_policy
    WHERE tenant = :tenant AND (sku = '' OR sku = ANY(:skus))
""")
_TOLD = text("""
    SELECT sku, scope, channel, quantity, published_at, version FROM channel_publication
    WHERE tenant = :tenant AND sku = ANY(:skus)
""")
_TELL = text("""
    INSERT INTO channel_publication AS p (tenant, sku, scope, channel, quantity, published_at,
                                          version)
    VALUES (:tenant, :sku, :scope, :channel, :quantity, :now, 1)
    ON CONFLICT (tenant, sku, scope, channel) DO UPDATE SET quantity = excluded.quantity,
        published_at = excluded.published_at, version = p.version + 1
    RETURNING version
""")
_SKUS = text("""
    SELECT DISTINCT tenant, sku FROM allocation_plan
    WHERE (tenant, sku) > (:tenant, :sku) ORDER BY tenant, sku LIMIT :rows
""")


# Seed 3 keeps the keys apart from those of request ids, owners and plans.
_LOCK = text("SELECT pg_advisory_xact_lock(hashtextextended(:name, 3))")


@dataclass(frozen=True)
class Publication:
    """What a channel was last told of a plan's stock."""

    key: PlanKey
    channel: str
    told: Told


class PostgresPublicationPolicies:
    """The port of policies on one connection."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def put(self, tenant: str, policy: PublicationPolicy) -> int:
        """Writes a policy; its version."""
        arguments = {
            "tenant": tenant,
            "channel": policy.channel,
            "sku": policy.sku,
            "content": json.dumps(_document(policy)),
        }
        return int((await self._connection.execute(_PUT, arguments)).scalar_one())


async def page(
    connection: AsyncConnection, tenant: str, channel: str, after: tuple[str, str], rows: int
) -> list[PublicationPolicy]:
    """Policies after one, by channel and SKU."""
    arguments = {
        "tenant": tenant,
        "channel": channel,
        "after_channel": after[0],
        "after_sku": after[1],
        "rows": rows,
    }
    return [_policy(row) for row in await connection.execute(_PAGE, arguments)]


async def policies_for(
    connection: AsyncConnection, tenant: str, skus: Sequence[str]
) -> list[PublicationPolicy]:
    """Policies of all channels that may concern SKUs."""
    rows = await connection.execute(_ALL, {"tenant": tenant, "skus": list(skus)})
    return [_policy(row) for row in rows]


async def told(connection: AsyncConnection, tenant: str, skus: Sequence[str]) -> list[Publication]:
    """What channels were last told of SKUs."""
    rows = await connection.execute(_TOLD, {"tenant": tenant, "skus": list(skus)})
    return [
        Publication(PlanKey(tenant, row[0], row[1]), row[2], Told(row[3], row[4])) for row in rows
    ]


async def tell(
    connection: AsyncConnection, key: PlanKey, channel: str, quantity: int, now: datetime
) -> int:
    """Writes what a channel is told now; the version of the publication."""
    arguments = {
        "tenant": key.tenant,
        "sku": key.sku,
        "scope": key.scope,
        "channel": channel,
        "quantity": quantity,
        "now": now,
    }
    return int((await connection.execute(_TELL, arguments)).scalar_one())


async def lock(connection: AsyncConnection, tenant: str, sku: str) -> None:
    """Nobody else tells channels of the SKU until the transaction ends."""
    await connection.execute(_LOCK, {"name": f"{tenant}\x1f{sku}"})


async def planned_skus(
    connection: AsyncConnection, after: tuple[str, str], rows: int
) -> list[tuple[str, str]]:
    """Tenants and SKUs with a plan, after one."""
    arguments = {"tenant": after[0], "sku": after[1], "rows": rows}
    return [(row[0], row[1]) for row in await connection.execute(_SKUS, arguments)]


def _document(policy: PublicationPolicy) -> dict[str, object]:
    return {
        "buffer_basis_points": policy.buffer_basis_points,
        "buffer_units": policy.buffer_units,
        "min_publish": policy.min_publish,
        "max_publish": policy.max_publish,
        "raise_step": policy.raise_step,
        "raise_after_ms": policy.raise_after // timedelta(milliseconds=1),
    }


def _policy(row: Sequence[Any]) -> PublicationPolicy:
    content = json.loads(row[2])
    patience = timedelta(milliseconds=content.pop("raise_after_ms"))
    return PublicationPolicy(row[0], row[1], **content, raise_after=patience, version=row[3])
