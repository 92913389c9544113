"""Rows of the registry of sources, and of their streams. A stream's row is locked first of all: it
orders everything that comes from it.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from tandem_inventory_availability.domain.sequence_set import SequenceSet
from tandem_inventory_availability.domain.signal_source import (
    InstantRule,
    Ownership,
    Sequencing,
    SignalSource,
    SourceKind,
    SourceRegistry,
)
from tandem_inventory_availability.domain.source_stream import SourceStream
from tandem_inventory_availability.domain.stock_position import Bucket
from tandem_inventory_availability.domain.stock_signal import SourceKey

_VERSIONS = text("SELECT tenant, version FROM source_registry WHERE tenant = ANY(:tenants)")
# Versions rise by the clock, so that those of a database put back from a copy are no old ones.
_LOCK_REGISTRY = text("""
    INSERT INTO source_registry AS r (tenant, version)
    VALUES (:tenant, (extract(epoch FROM clock_timestamp()) * 1000000)::bigint)
    ON CONFLICT (tenant) DO UPDATE SET version = GREATEST(r.version + 1, excluded.version)
""")
_SOURCES = text("SELECT id, version, document::text FROM signal_source WHERE tenant = :tenant")
_PUT = text("""
    INSERT INTO signal_source (tenant, id, version, document)
    SELECT :tenant, id, version, document FROM jsonb_to_recordset(CAST(:rows AS jsonb))
         AS n (id text, version bigint, document jsonb)
    ON CONFLICT (tenant, id) DO UPDATE SET version = excluded.version,
        document = excluded.document
""")
_NAMES = "unnest(CAST(:tenants AS text[]), CAST(:sources AS text[]))"
_STREAMS_EXIST = text(f"""
    INSERT INTO stock_source (tenant, source) SELECT * FROM {_NAMES} ON CONFLICT DO NOTHING
""")
_STREAMS = f"""
    SELECT tenant, source, seen::text, epoch, lost, received, version, reported_at, stale
    FROM stock_source WHERE (tenant, source) IN (SELECT * FROM {_NAMES})
"""
_SEEN = text(_STREAMS)
_LOCK = text(f"{_STREAMS} ORDER BY tenant, source FOR UPDATE")
_SAVE = text("""
    UPDATE stock_source AS s SET seen = n.seen, epoch = n.epoch, lost = n.lost,
        received = n.received, version = n.version, reported_at = n.reported_at, stale = n.stale
    FROM jsonb_to_recordset(CAST(:rows AS jsonb))
         AS n (tenant text, source text, seen jsonb, epoch bigint, lost bigint, received bigint,
               version bigint, reported_at timestamptz, stale boolean)
    WHERE s.tenant = n.tenant AND s.source = n.source
""")

_compiled: dict[str, SourceRegistry] = {}
"""The registry of each tenant as last read; its version is compared in every transaction."""


async def registries(
    connection: AsyncConnection, tenants: Collection[str]
) -> dict[str, SourceRegistry]:
    """The registered sources of tenants, never older than what is committed."""
    found = await connection.execute(_VERSIONS, {"tenants": sorted(tenants)})
    versions = {row[0]: row[1] for row in found}
    for tenant in tenants:
        known = _compiled.get(tenant)
        if known is None or known.version != versions.get(tenant, 0):
            _compiled[tenant] = await _read(connection, tenant, versions.get(tenant, 0))
    return {tenant: _compiled[tenant] for tenant in tenants}


async def lock_registry(connection: AsyncConnection, tenant: str) -> SourceRegistry:
    """The sources of a tenant, about to change: nobody else changes them until the end."""
    await connection.execute(_LOCK_REGISTRY, {"tenant": tenant})
    return await _read(connection, tenant, 0)


async def _read(connection: AsyncConnection, tenant: str, version: int) -> SourceRegistry:
    rows = await connection.execute(_SOURCES, {"tenant": tenant})
    sources = {row[0]: _to_source(row[0], row[1], json.loads(row[2])) for row in rows}
    return SourceRegistry(sources, version)


async def put_sources(
    connection: AsyncConnection, tenant: str, sources: Sequence[SignalSource]
) -> None:
    """Writes sources as they now stand; the registry is locked."""
    rows = [
        {"id": source.id, "version": source.version, "document": _to_document(source)}
        for source in sources
    ]
    await connection.execute(_PUT, {"tenant": tenant, "rows": json.dumps(rows)})


async def lock_streams(
    connection: AsyncConnection, wanted: Iterable[SourceKey], sources: Mapping[str, SourceRegistry]
) -> dict[SourceKey, SourceStream]:
    """Streams of registered sources, locked in one order; the others are left out."""
    keys = [key for key in sorted(set(wanted)) if sources[key.tenant].of(key.source)]
    if not keys:
        return {}
    names = _names(keys)
    rows = (await connection.execute(_LOCK, names)).all()
    if len(rows) < len(keys):
        await connection.execute(_STREAMS_EXIST, names)
        rows = (await connection.execute(_LOCK, names)).all()
    return _to_streams(rows, sources)


async def streams(
    connection: AsyncConnection, wanted: Iterable[SourceKey], sources: Mapping[str, SourceRegistry]
) -> dict[SourceKey, SourceStream]:
    """Streams as they stand, not locked."""
    keys = sorted(set(wanted))
    if not keys:
        return {}
    return _to_streams((await connection.execute(_SEEN, _names(keys))).all(), sources)


async def save_streams(connection: AsyncConnection, changed: Iterable[SourceStream]) -> None:
    """Writes streams that are locked."""
    rows = [
        {
            "tenant": stream.key.tenant,
            "source": stream.key.source,
            "seen": stream.seen.ranges,
            "epoch": stream.epoch,
            "lost": stream.seen.lost,
            "received": stream.received,
            "version": stream.version,
            "reported_at": stream.reported_at.isoformat() if stream.reported_at else None,
            "stale": stream.stale,
        }
        for stream in changed
    ]
    if rows:
        await connection.execute(_SAVE, {"rows": json.dumps(rows)})


def _to_streams(
    rows: Iterable[Sequence[Any]], sources: Mapping[str, SourceRegistry]
) -> dict[SourceKey, SourceStream]:
    found = {}
    for row in rows:
        key, source = SourceKey(row[0], row[1]), sources[row[0]].of(row[1])
        if source is not None:
            seen = SequenceSet(((low, high) for low, high in json.loads(row[2])), row[4])
            found[key] = SourceStream(key, source, row[3], seen, *row[5:])
    return found


def _names(keys: Collection[SourceKey]) -> dict[str, object]:
    return {"tenants": [s.tenant for s in keys], "sources": [s.source for s in keys]}


def _to_document(source: SignalSource) -> dict[str, object]:
    horizon = source.lateness_horizon
    return {
        "kind": source.kind.value,
        "sequencing": source.sequencing.value,
        "lateness_horizon_us": _micros(horizon) if horizon is not None else None,
        "future_skew_max_us": _micros(source.future_skew_max),
        "freshness_slo_us": _micros(source.freshness_slo),
        "includes_picked": source.includes_picked,
        "includes_allocated": source.includes_allocated,
        "instant_rule": source.instant_rule.value,
        "owns": [{"location": o.location, "states": sorted(o.states)} for o in source.owns],
        "lenient": source.lenient,
        "migrated": source.migrated,
    }


def _to_source(source_id: str, version: int, document: Mapping[str, Any]) -> SignalSource:
    told = dict(document)
    values: dict[str, Any] = {
        "owns": tuple(
            Ownership(o["location"], frozenset(map(Bucket, o["states"])))
            for o in told.pop("owns", ())
        )
    }
    for name, kind in _ENUMS.items():
        if name in told:
            values[name] = kind(told.pop(name))
    for name in ("lateness_horizon", "future_skew_max", "freshness_slo"):
        micros = told.pop(f"{name}_us", None)
        if micros is not None:
            values[name] = timedelta(microseconds=micros)
    return SignalSource(id=source_id, version=version, **values, **told)


def _micros(duration: timedelta) -> int:
    return duration // timedelta(microseconds=1)


def isoformat(at: datetime | None) -> str | None:
    """An instant as JSON."""
    return at.isoformat() if at else None


_ENUMS: dict[str, type[SourceKind] | type[Sequencing] | type[InstantRule]] = {
    "kind": SourceKind,
    "sequencing": Sequencing,
    "instant_rule": InstantRule,
}
