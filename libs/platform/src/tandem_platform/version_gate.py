"""Decides what of a batch is new: each aggregate's versions are applied once and in order.

Exactly-once and order come from here, never from the broker (PLATFORM 0.2).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from tandem_platform.aggregate_key import AggregateKey
from tandem_platform.delivery import Delivery


@dataclass(frozen=True)
class KeyState:
    """How far an aggregate is applied, and whether it waits behind a dead letter."""

    version: int = 0
    parked: bool = False


@dataclass(frozen=True)
class Gap:
    """Missing versions of one aggregate, both ends included."""

    key: AggregateKey
    from_version: int
    to_version: int


@dataclass
class Plan:
    """What to do with each delivery of a batch."""

    accepted: list[Delivery] = field(default_factory=list)
    duplicates: list[Delivery] = field(default_factory=list)
    parked: list[Delivery] = field(default_factory=list)
    ahead: list[Delivery] = field(default_factory=list)
    """Beyond a gap: not to be applied before the gap is filled."""
    gaps: list[Gap] = field(default_factory=list)

    def new_versions(self) -> dict[AggregateKey, int]:
        """Version of each key once `accepted` is applied."""
        versions: dict[AggregateKey, int] = {}
        for delivery in self.accepted:
            versions[delivery.key] = delivery.aggregate_version
        return versions


def plan(deliveries: Sequence[Delivery], states: Mapping[AggregateKey, KeyState]) -> Plan:
    """Sorts a batch into what is new, known, parked or too early.

    Keys keep the places they arrived at; within a key, versions are brought into order.
    """
    by_key: dict[AggregateKey, list[Delivery]] = defaultdict(list)
    for delivery in deliveries:
        by_key[delivery.key].append(delivery)
    ordered = {
        key: iter(sorted(group, key=lambda d: d.aggregate_version)) for key, group in by_key.items()
    }
    reached = {key: states.get(key, KeyState()).version for key in by_key}
    result = Plan()
    for place in deliveries:
        _sort(next(ordered[place.key]), states.get(place.key, KeyState()), reached, result)
    return result


def _sort(
    delivery: Delivery, state: KeyState, reached: dict[AggregateKey, int], result: Plan
) -> None:
    key, version = delivery.key, delivery.aggregate_version
    if version <= reached[key]:
        result.duplicates.append(delivery)
    elif state.parked:
        result.parked.append(delivery)
    elif version == reached[key] + 1:
        reached[key] = version
        result.accepted.append(delivery)
    else:
        if not any(gap.key == key for gap in result.gaps):
            result.gaps.append(Gap(key, reached[key] + 1, version - 1))
        result.ahead.append(delivery)


_LOCK = text("""
    SELECT applied.tenant, applied.agg_type, applied.agg_id, version, parked_by
    FROM applied_version AS applied
    JOIN unnest(CAST(:tenants AS text[]), CAST(:types AS text[]), CAST(:ids AS text[]))
         AS wanted (tenant, agg_type, agg_id) USING (tenant, agg_type, agg_id)
    WHERE consumer = :consumer
    ORDER BY 1, 2, 3 FOR UPDATE OF applied
""")
# The condition on the old version makes a second writer of the same key visible by the row count.
_STORE = text("""
    INSERT INTO applied_version AS applied (consumer, tenant, agg_type, agg_id, version)
    SELECT :consumer, tenant, agg_type, agg_id, version
    FROM unnest(CAST(:tenants AS text[]), CAST(:types AS text[]), CAST(:ids AS text[]),
                CAST(:versions AS bigint[])) AS new (tenant, agg_type, agg_id, version)
    ORDER BY 2, 3, 4
    ON CONFLICT (consumer, tenant, agg_type, agg_id)
    DO UPDATE SET version = EXCLUDED.version WHERE applied.version < EXCLUDED.version
""")
_PARK = text("""
    INSERT INTO applied_version AS applied (consumer, tenant, agg_type, agg_id, version, parked_by)
    VALUES (:consumer, :tenant, :type, :id, :version, :parked_by)
    ON CONFLICT (consumer, tenant, agg_type, agg_id) DO UPDATE SET parked_by = EXCLUDED.parked_by
""")


class VersionMovedOn(Exception):
    """Somebody else applied versions of the same keys; the batch is decided anew."""


async def lock_states(
    connection: AsyncConnection, consumer: str, keys: Iterable[AggregateKey]
) -> dict[AggregateKey, KeyState]:
    """State of the keys known so far, their rows locked in a fixed order."""
    found = await connection.execute(_LOCK, {"consumer": consumer, **_columns(list(set(keys)))})
    return {
        AggregateKey(row.tenant, row.agg_type, row.agg_id): KeyState(
            row.version, row.parked_by is not None
        )
        for row in found
    }


async def store_versions(
    connection: AsyncConnection, consumer: str, versions: Mapping[AggregateKey, int]
) -> None:
    """Remembers what was applied. Raises VersionMovedOn."""
    if not versions:
        return
    parameters = {
        "consumer": consumer,
        "versions": list(versions.values()),
        **_columns(list(versions)),
    }
    stored = await connection.execute(_STORE, parameters)
    if stored.rowcount != len(versions):
        raise VersionMovedOn(consumer)


async def set_parked(
    connection: AsyncConnection,
    consumer: str,
    key: AggregateKey,
    *,
    version: int,
    parked_by: str | None,
) -> None:
    """Parks a key behind a dead letter, or frees it (``parked_by`` None)."""
    await connection.execute(
        _PARK,
        {
            "consumer": consumer,
            "tenant": key.tenant,
            "type": key.aggregate_type,
            "id": key.aggregate_id,
            "version": version,
            "parked_by": parked_by,
        },
    )


def _columns(keys: Sequence[AggregateKey]) -> dict[str, list[str]]:
    return {
        "tenants": [key.tenant for key in keys],
        "types": [key.aggregate_type for key in keys],
        "ids": [key.aggregate_id for key in keys],
    }
