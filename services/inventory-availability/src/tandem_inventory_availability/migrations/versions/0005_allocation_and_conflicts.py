"""Allocation plans, publications, leases and conflict cases."""

from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    _plans()
    _leases()
    _conflicts()


def _plans() -> None:
    op.execute("""
        CREATE TABLE allocation_plan (
            tenant text NOT NULL, sku text NOT NULL, scope text NOT NULL, level text NOT NULL,
            version bigint NOT NULL, quotas jsonb NOT NULL, drawn jsonb NOT NULL DEFAULT '[]',
            changes bigint NOT NULL DEFAULT 0, PRIMARY KEY (tenant, sku, scope)
        ) WITH (fillfactor = 50)
    """)
    op.execute("""
        CREATE TABLE publication_policy (
            tenant text NOT NULL, channel text NOT NULL, sku text NOT NULL,
            content jsonb NOT NULL, version bigint NOT NULL, PRIMARY KEY (tenant, channel, sku)
        )
    """)
    op.execute("""
        CREATE TABLE channel_publication (
            tenant text NOT NULL, sku text NOT NULL, scope text NOT NULL, channel text NOT NULL,
            quantity bigint NOT NULL, published_at timestamptz NOT NULL, version bigint NOT NULL,
            PRIMARY KEY (tenant, sku, scope, channel)
        ) WITH (fillfactor = 50)
    """)


def _leases() -> None:
    op.execute("""
        CREATE TABLE quota_lease (
            tenant text NOT NULL, id uuid NOT NULL, channel text NOT NULL, device text NOT NULL,
            sku text NOT NULL, location text NOT NULL, quantity bigint NOT NULL,
            used bigint NOT NULL, state text NOT NULL, expires_at timestamptz NOT NULL,
            ends_at timestamptz NOT NULL, draws jsonb NOT NULL, version bigint NOT NULL,
            created_at timestamptz NOT NULL, PRIMARY KEY (tenant, id)
        ) WITH (fillfactor = 80)
    """)
    op.execute("""
        CREATE UNIQUE INDEX quota_lease_of_device ON quota_lease
            (tenant, sku, location, channel, device) WHERE state = 'LIVE'
    """)
    op.execute("CREATE INDEX quota_lease_ends ON quota_lease (ends_at) WHERE state = 'LIVE'")
    op.execute("""
        CREATE TABLE lease_report (
            tenant text NOT NULL, lease_id uuid NOT NULL, report text NOT NULL,
            quantity bigint NOT NULL, breached bigint NOT NULL,
            PRIMARY KEY (tenant, lease_id, report)
        )
    """)


def _conflicts() -> None:
    op.execute("""
        CREATE TABLE conflict_case (
            tenant text NOT NULL, id uuid NOT NULL, sku text NOT NULL, location text NOT NULL,
            group_id text NOT NULL, state text NOT NULL, open boolean NOT NULL,
            deficit bigint NOT NULL, break_at timestamptz, channels text[] NOT NULL,
            content jsonb NOT NULL, clear_since timestamptz, opened_at timestamptz NOT NULL,
            closed_at timestamptz, version bigint NOT NULL, PRIMARY KEY (tenant, id)
        ) WITH (fillfactor = 70)
    """)
    # At most one open case of a SKU and scope, whatever a program does.
    op.execute("""
        CREATE UNIQUE INDEX conflict_case_open ON conflict_case (tenant, sku, location, group_id)
        WHERE open
    """)
    op.execute("""
        CREATE INDEX conflict_case_clear ON conflict_case (clear_since)
        WHERE open AND clear_since IS NOT NULL
    """)
