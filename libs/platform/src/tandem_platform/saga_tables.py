"""Tables of the saga engine, made by the migration of each service that runs sagas."""

from __future__ import annotations

from typing import Protocol


class Operations(Protocol):
    """What is needed of alembic's ``op``."""

    def execute(self, sqltext: str) -> None:
        """Runs one statement."""


DDL = (
    """
    CREATE TABLE saga (
        tenant text NOT NULL, kind text NOT NULL, id text NOT NULL,
        definition_version integer NOT NULL, state text NOT NULL, revision bigint NOT NULL,
        data jsonb NOT NULL, timer_name text, timer_at timestamptz,
        started_at timestamptz NOT NULL, updated_at timestamptz NOT NULL,
        PRIMARY KEY (tenant, kind, id)
    ) WITH (fillfactor = 85)
    """,
    "CREATE INDEX saga_timer_due ON saga (timer_at) WHERE timer_at IS NOT NULL",
    """
    CREATE TABLE saga_history (
        tenant text NOT NULL, kind text NOT NULL, saga_id text NOT NULL, revision bigint NOT NULL,
        event_name text NOT NULL, event_values jsonb NOT NULL,
        from_state text NOT NULL, to_state text NOT NULL, commands jsonb NOT NULL,
        recorded_at timestamptz NOT NULL,
        PRIMARY KEY (tenant, kind, saga_id, revision)
    )
    """,
    """
    CREATE TABLE saga_command (
        id uuid PRIMARY KEY, tenant text NOT NULL, saga_kind text NOT NULL, saga_id text NOT NULL,
        kind text NOT NULL, command_values jsonb NOT NULL, headers jsonb NOT NULL,
        done_at timestamptz, attempts integer NOT NULL DEFAULT 0, next_at timestamptz NOT NULL,
        lease_owner text, last_error text, created_at timestamptz NOT NULL,
        place bigint GENERATED ALWAYS AS IDENTITY
    ) WITH (fillfactor = 85)
    """,
    "CREATE INDEX saga_command_due ON saga_command (next_at) WHERE done_at IS NULL",
    """
    CREATE INDEX saga_command_open ON saga_command (tenant, saga_kind, saga_id, place)
    WHERE done_at IS NULL
    """,
)


def create(op: Operations) -> None:
    """Creates the tables."""
    for statement in DDL:
        op.execute(statement)
