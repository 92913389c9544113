"""Orders, waiting reports, sagas and the tables of the platform."""

from alembic import op
from tandem_platform import platform_tables, saga_tables

revision = "0001"
down_revision = None


STATEMENTS = (
    """
    CREATE TABLE customer_order (
        tenant text NOT NULL, id uuid NOT NULL,
        external_system text NOT NULL, external_type text NOT NULL, external_id text NOT NULL,
        display_name text NOT NULL, channel text NOT NULL, kind text NOT NULL,
        state text NOT NULL, version bigint NOT NULL, currency_code text NOT NULL,
        total_minor bigint NOT NULL, placed_at timestamptz NOT NULL,
        accepted_at timestamptz NOT NULL, updated_at timestamptz NOT NULL,
        document jsonb NOT NULL,
        PRIMARY KEY (tenant, id),
        UNIQUE (tenant, external_system, external_type, external_id)
    ) WITH (fillfactor = 70)
""",
    "CREATE INDEX customer_order_newest ON customer_order (tenant, accepted_at, id)",
    "CREATE INDEX customer_order_external ON customer_order (tenant, external_id)",
    "CREATE INDEX customer_order_name ON customer_order (tenant, display_name)",
    """
    CREATE TABLE waiting_report (
        tenant text NOT NULL, event_id uuid NOT NULL, event_type text NOT NULL,
        order_ref text NOT NULL, payload bytea NOT NULL, headers jsonb NOT NULL,
        reason text NOT NULL, since timestamptz NOT NULL, attempts integer NOT NULL,
        next_at timestamptz NOT NULL,
        PRIMARY KEY (tenant, event_id)
    )
""",
    "CREATE INDEX waiting_report_due ON waiting_report (next_at)",
)


def upgrade() -> None:
    platform_tables.create(op)
    saga_tables.create(op)
    for statement in STATEMENTS:
        op.execute(statement)
