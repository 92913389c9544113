"""Observations, runs, exceptions and the tables of the platform."""

from alembic import op
from tandem_platform import platform_tables

revision = "0001"
down_revision = None


STATEMENTS = (
    """
    CREATE TABLE observation (
        tenant text NOT NULL, checkpoint text NOT NULL, side text NOT NULL,
        key text NOT NULL, group_key text NOT NULL, amount bigint NOT NULL,
        currency_code text NOT NULL, order_id text NOT NULL, detail text NOT NULL,
        occurred_at timestamptz NOT NULL, observed_at timestamptz NOT NULL,
        trace_id text NOT NULL,
        PRIMARY KEY (tenant, checkpoint, side, key)
    )
""",
    "CREATE INDEX observation_group ON observation (tenant, checkpoint, group_key, side)",
    """
    CREATE TABLE checkpoint_run (
        tenant text NOT NULL, id uuid NOT NULL, checkpoint text NOT NULL, title text NOT NULL,
        run_at timestamptz NOT NULL, left_count bigint NOT NULL, right_count bigint NOT NULL,
        matched_count bigint NOT NULL, waiting_count bigint NOT NULL,
        open_exception_count bigint NOT NULL, left_totals jsonb NOT NULL,
        right_totals jsonb NOT NULL, PRIMARY KEY (tenant, id)
    )
""",
    "CREATE INDEX checkpoint_run_newest ON checkpoint_run (tenant, run_at, id)",
    """
    CREATE TABLE exception_case (
        tenant text NOT NULL, id uuid NOT NULL, checkpoint text NOT NULL, type text NOT NULL,
        key text NOT NULL, state text NOT NULL, severity text NOT NULL,
        amount bigint NOT NULL, currency_code text NOT NULL, left_detail text NOT NULL,
        right_detail text NOT NULL, order_id text NOT NULL, trace_id text NOT NULL,
        opened_at timestamptz NOT NULL, last_seen_at timestamptz NOT NULL,
        resolved_at timestamptz, version bigint NOT NULL,
        PRIMARY KEY (tenant, id)
    ) WITH (fillfactor = 80)
""",
    "CREATE INDEX exception_case_newest ON exception_case (tenant, opened_at, id)",
    "CREATE INDEX exception_case_open ON exception_case (tenant, checkpoint) WHERE state = 'OPEN'",
)


def upgrade() -> None:
    platform_tables.create(op)
    for statement in STATEMENTS:
        op.execute(statement)
