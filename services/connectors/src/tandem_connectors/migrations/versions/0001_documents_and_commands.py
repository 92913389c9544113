"""Raw documents, facts told, payment commands, cursors, and the tables of the platform."""

from alembic import op
from tandem_platform import platform_tables

revision = "0001"
down_revision = None


def upgrade() -> None:
    platform_tables.create(op)
    _inbound()
    _facts()
    _outbound()


def _inbound() -> None:
    op.execute("""
        CREATE TABLE inbound_document (
            id               uuid PRIMARY KEY,
            tenant           text NOT NULL,
            connection_id    text NOT NULL,
            connector        text NOT NULL,
            kind             text NOT NULL,
            source_id        text NOT NULL,
            event_key        text,
            payload          bytea NOT NULL,
            repaired_payload bytea,
            sha256           text NOT NULL,
            state            text NOT NULL CHECK
                (state IN ('RECEIVED', 'TRANSLATED', 'PARKED', 'IGNORED', 'DISCARDED')),
            reason           text NOT NULL DEFAULT '',
            detail           text NOT NULL DEFAULT '',
            field            text NOT NULL DEFAULT '',
            event_count      integer NOT NULL DEFAULT 0,
            findings         text[] NOT NULL DEFAULT '{}',
            attempts         integer NOT NULL DEFAULT 0,
            carrier          jsonb NOT NULL DEFAULT '{}',
            trace_id         text NOT NULL DEFAULT '',
            note             text NOT NULL DEFAULT '',
            received_at      timestamptz NOT NULL,
            updated_at       timestamptz NOT NULL,
            CONSTRAINT inbound_document_delivery_once
                UNIQUE (tenant, connection_id, source_id),
            CONSTRAINT inbound_document_event_once
                UNIQUE (tenant, connection_id, event_key)
        ) WITH (fillfactor = 80)
    """)
    op.execute(
        "CREATE INDEX inbound_document_waiting ON inbound_document (received_at, id)"
        " WHERE state = 'RECEIVED'"
    )
    op.execute(
        "CREATE INDEX inbound_document_newest ON inbound_document"
        " (tenant, received_at DESC, id DESC)"
    )
    op.execute(
        "CREATE INDEX inbound_document_parked ON inbound_document"
        " (tenant, received_at DESC, id DESC) WHERE state = 'PARKED'"
    )


def _facts() -> None:
    op.execute("""
        CREATE TABLE fact_told (
            tenant        text NOT NULL,
            connection_id text NOT NULL,
            event_key     text NOT NULL,
            content_hash  text NOT NULL,
            document_id   uuid,
            PRIMARY KEY (tenant, connection_id, event_key)
        )
    """)
    op.execute("""
        CREATE TABLE fact_aggregate (
            tenant         text NOT NULL,
            aggregate_type text NOT NULL,
            aggregate_id   text NOT NULL,
            version        bigint NOT NULL,
            PRIMARY KEY (tenant, aggregate_type, aggregate_id)
        ) WITH (fillfactor = 80)
    """)


def _outbound() -> None:
    op.execute("""
        CREATE TABLE outbound_command (
            tenant          text NOT NULL,
            command_id      text NOT NULL,
            connection_id   text NOT NULL,
            order_id        text NOT NULL,
            action          text NOT NULL,
            currency_code   text NOT NULL,
            minor_units     bigint NOT NULL,
            provider_ref    text NOT NULL,
            state           text NOT NULL CHECK (state IN ('PENDING', 'DONE', 'PARKED')),
            attempts        integer NOT NULL DEFAULT 0,
            uncertain       boolean NOT NULL DEFAULT false,
            next_attempt_at timestamptz NOT NULL,
            claimed_by      text NOT NULL DEFAULT '',
            claimed_until   timestamptz NOT NULL DEFAULT '-infinity',
            last_error      text NOT NULL DEFAULT '',
            carrier         jsonb NOT NULL DEFAULT '{}',
            created_at      timestamptz NOT NULL,
            PRIMARY KEY (tenant, command_id)
        ) WITH (fillfactor = 70)
    """)
    op.execute(
        "CREATE INDEX outbound_command_due ON outbound_command (next_attempt_at)"
        " WHERE state = 'PENDING'"
    )
    op.execute("""
        CREATE TABLE poll_cursor (
            connection_id text NOT NULL,
            stream        text NOT NULL,
            cursor        bytea NOT NULL,
            moved_at      timestamptz NOT NULL DEFAULT clock_timestamp(),
            PRIMARY KEY (connection_id, stream)
        ) WITH (fillfactor = 50)
    """)
    op.execute("""
        CREATE TABLE connection_health (
            connection_id text PRIMARY KEY,
            detail        text NOT NULL,
            noted_at      timestamptz NOT NULL DEFAULT clock_timestamp()
        ) WITH (fillfactor = 50)
    """)
