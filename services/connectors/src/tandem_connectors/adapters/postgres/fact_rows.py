"""Facts told, the versions of their aggregates, and the way into the journal."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection
from tandem_core.ids import deterministic_id
from tandem_platform.event_journal import JournalEvent
from tandem_platform.unit_of_work import UnitOfWork

from tandem_connectors.application.ports import Fact, FactKey, FactsToldMeanwhile

_KNOWN = text("""
    SELECT tenant, connection_id, event_key, content_hash
    FROM fact_told JOIN unnest(CAST(:tenant AS text[]), CAST(:connection_id AS text[]),
                               CAST(:event_key AS text[]))
         AS asked (tenant, connection_id, event_key) USING (tenant, connection_id, event_key)
""")
_TELL = text("""
    INSERT INTO fact_told (tenant, connection_id, event_key, content_hash, document_id)
    SELECT tenant, connection_id, event_key, content_hash, nullif(document_id, '')::uuid
    FROM unnest(CAST(:tenant AS text[]), CAST(:connection_id AS text[]),
                CAST(:event_key AS text[]), CAST(:content_hash AS text[]),
                CAST(:document_id AS text[]))
         AS new (tenant, connection_id, event_key, content_hash, document_id)
    ORDER BY tenant, connection_id, event_key
    ON CONFLICT DO NOTHING
    RETURNING 1
""")
# Sorted, so that two replicas lock the aggregates they share in the same order.
_COUNT_UP = text("""
    INSERT INTO fact_aggregate AS known (tenant, aggregate_type, aggregate_id, version)
    SELECT tenant, aggregate_type, aggregate_id, more
    FROM unnest(CAST(:tenant AS text[]), CAST(:aggregate_type AS text[]),
                CAST(:aggregate_id AS text[]), CAST(:more AS bigint[]))
         AS new (tenant, aggregate_type, aggregate_id, more)
    ORDER BY tenant, aggregate_type, aggregate_id
    ON CONFLICT (tenant, aggregate_type, aggregate_id)
        DO UPDATE SET version = known.version + excluded.version
    RETURNING tenant, aggregate_type, aggregate_id, version
""")

_Aggregate = tuple[str, str, str]


class FactRows:
    """The port `Facts` in one unit of work."""

    def __init__(self, unit: UnitOfWork) -> None:
        self._unit = unit
        self._connection: AsyncConnection = unit.connection

    async def known(self, keys: Sequence[FactKey]) -> Mapping[FactKey, str]:
        """Content hashes of those told before."""
        if not keys:
            return {}
        values = {
            "tenant": [key.tenant for key in keys],
            "connection_id": [key.connection_id for key in keys],
            "event_key": [key.event_key for key in keys],
        }
        rows = await self._connection.execute(_KNOWN, values)
        return {FactKey(row[0], row[1], row[2]): row[3] for row in rows}

    async def record(self, facts: Sequence[Fact]) -> None:
        """Tells new facts; raises FactsToldMeanwhile."""
        if not facts:
            return
        values = {
            "tenant": [fact.key.tenant for fact in facts],
            "connection_id": [fact.key.connection_id for fact in facts],
            "event_key": [fact.key.event_key for fact in facts],
            "content_hash": [fact.content_hash for fact in facts],
            "document_id": [fact.document_id for fact in facts],
        }
        told = (await self._connection.execute(_TELL, values)).all()
        if len(told) != len(facts):
            raise FactsToldMeanwhile
        versions = await self._first_versions(facts)
        for fact in facts:
            aggregate = _aggregate(fact)
            self._unit.record(journal_event(fact, versions[aggregate]))
            versions[aggregate] += 1

    async def _first_versions(self, facts: Sequence[Fact]) -> dict[_Aggregate, int]:
        """The version the first of these facts gets, by aggregate."""
        more: dict[_Aggregate, int] = {}
        for fact in facts:
            more[_aggregate(fact)] = more.get(_aggregate(fact), 0) + 1
        keys = sorted(more)
        values: dict[str, Any] = {
            "tenant": [key[0] for key in keys],
            "aggregate_type": [key[1] for key in keys],
            "aggregate_id": [key[2] for key in keys],
            "more": [more[key] for key in keys],
        }
        rows = await self._connection.execute(_COUNT_UP, values)
        last = {(row[0], row[1], row[2]): int(row[3]) for row in rows}
        return {key: last[key] - more[key] + 1 for key in keys}


def _aggregate(fact: Fact) -> _Aggregate:
    return (fact.key.tenant, fact.aggregate_type, fact.aggregate_id)


def journal_event(fact: Fact, version: int) -> JournalEvent:
    """The journal row of a fact; its id follows from the fact, not from when it was told."""
    key = fact.key
    return JournalEvent(
        event_id=deterministic_id("fact", key.tenant, key.connection_id, key.event_key),
        event_type=fact.encoded.event_type,
        aggregate_type=fact.aggregate_type,
        aggregate_id=fact.aggregate_id,
        aggregate_version=version,
        partition_key=fact.aggregate_id,
        payload=fact.encoded.payload,
        occurred_at=fact.occurred_at,
        tenant=key.tenant,
        headers=dict(fact.carrier),
    )
