"""Tables every service with events has: call ``platform_tables.create(op)`` in its first migration.

Tenant is part of every business key. `event_journal` is the truth and the outbox; the rest is
what consumers, leases and idempotency remember.
"""

from __future__ import annotations

from typing import Protocol

EVENT_JOURNAL = """
CREATE TABLE event_journal (
    id            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    event_id      uuid NOT NULL,
    tenant        text NOT NULL,
    part          smallint NOT NULL,
    partition_key text NOT NULL,
    agg_type      text NOT NULL,
    agg_id        text NOT NULL,
    agg_version   bigint NOT NULL CHECK (agg_version > 0),
    type          text NOT NULL,
    payload       bytea NOT NULL,
    headers       jsonb NOT NULL,
    occurred_at   timestamptz NOT NULL,
    recorded_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
    published_at  timestamptz,
    stream_seq    bigint,
    publication   smallint NOT NULL DEFAULT 0,
    CONSTRAINT event_journal_version_once UNIQUE (tenant, agg_type, agg_id, agg_version)
) WITH (fillfactor = 85, autovacuum_vacuum_scale_factor = 0.01)
"""

STATEMENTS = (
    EVENT_JOURNAL,
    "CREATE INDEX event_journal_unpublished ON event_journal (part, id) WHERE published_at IS NULL",
    "CREATE INDEX event_journal_recorded ON event_journal (recorded_at)",
    """
    CREATE TABLE stream_incarnation (
        stream     text PRIMARY KEY,
        created    text NOT NULL,
        last_seq   bigint NOT NULL,
        checked_at timestamptz NOT NULL DEFAULT clock_timestamp()
    ) WITH (fillfactor = 50)
    """,
    """
    CREATE TABLE applied_version (
        consumer  text NOT NULL,
        tenant    text NOT NULL,
        agg_type  text NOT NULL,
        agg_id    text NOT NULL,
        version   bigint NOT NULL,
        parked_by uuid,
        PRIMARY KEY (consumer, tenant, agg_type, agg_id)
    ) WITH (fillfactor = 85, autovacuum_vacuum_scale_factor = 0.01)
    """,
    "CREATE INDEX applied_version_parked ON applied_version (consumer) WHERE parked_by IS NOT NULL",
    """
    CREATE TABLE consumer_checkpoint (
        consumer  text NOT NULL,
        part      smallint NOT NULL,
        watermark timestamptz NOT NULL,
        PRIMARY KEY (consumer, part)
    ) WITH (fillfactor = 50)
    """,
    """
    CREATE TABLE dead_letter (
        id               uuid PRIMARY KEY,
        consumer         text NOT NULL,
        stream           text NOT NULL,
        stream_seq       bigint,
        part             smallint NOT NULL,
        event_id         text NOT NULL,
        event_type       text NOT NULL,
        tenant           text NOT NULL,
        agg_type         text NOT NULL,
        agg_id           text NOT NULL,
        agg_version      bigint NOT NULL,
        source           text NOT NULL,
        occurred_at      timestamptz NOT NULL,
        payload          bytea NOT NULL,
        repaired_payload bytea,
        headers          jsonb NOT NULL,
        reason           text NOT NULL,
        detail           text NOT NULL,
        attempts         integer NOT NULL DEFAULT 1,
        first_at         timestamptz NOT NULL DEFAULT clock_timestamp(),
        last_at          timestamptz NOT NULL DEFAULT clock_timestamp(),
        state            text NOT NULL DEFAULT 'OPEN'
            CHECK (state IN ('OPEN', 'REQUEUED', 'RESOLVED', 'DISCARDED')),
        resume_pending   boolean NOT NULL DEFAULT false,
        note             text NOT NULL DEFAULT '',
        CONSTRAINT dead_letter_once UNIQUE (consumer, tenant, agg_type, agg_id, agg_version)
    )
    """,
    "CREATE INDEX dead_letter_by_state ON dead_letter (state, first_at DESC, id)",
    "CREATE INDEX dead_letter_resume ON dead_letter (consumer) WHERE resume_pending",
    """
    CREATE TABLE idempotency_record (
        principal    text NOT NULL,
        method       text NOT NULL,
        request_id   text NOT NULL,
        request_hash bytea NOT NULL,
        response_type text NOT NULL DEFAULT '',
        response     bytea,
        created_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
        PRIMARY KEY (principal, method, request_id)
    ) WITH (fillfactor = 85)
    """,
    "CREATE INDEX idempotency_record_age ON idempotency_record (created_at)",
    """
    CREATE TABLE partition_lease (
        name       text NOT NULL,
        part       smallint NOT NULL,
        owner      text NOT NULL DEFAULT '',
        epoch      bigint NOT NULL DEFAULT 0,
        expires_at timestamptz NOT NULL DEFAULT '-infinity',
        PRIMARY KEY (name, part)
    ) WITH (fillfactor = 50)
    """,
    """
    CREATE TABLE lease_member (
        name    text NOT NULL,
        owner   text NOT NULL,
        seen_at timestamptz NOT NULL,
        PRIMARY KEY (name, owner)
    ) WITH (fillfactor = 50)
    """,
)


class RunsStatements(Protocol):
    """The part of alembic's ``op`` that is needed here."""

    def execute(self, sqltext: str) -> None:
        """Runs one statement."""
        ...


def create(op: RunsStatements) -> None:
    """Creates the tables with the rights of the caller's transaction."""
    for statement in STATEMENTS:
        op.execute(statement)
