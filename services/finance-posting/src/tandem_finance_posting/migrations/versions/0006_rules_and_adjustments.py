"""Versions of rule sets, proposals of rates, reposting jobs and manual journals."""

from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    # The number rises with every activation: a process compares it and reads rules anew.
    op.execute("""
        CREATE TABLE rule_registry (tenant text PRIMARY KEY, version bigint NOT NULL)
    """)
    op.execute("""
        CREATE TABLE rule_set_version (
            tenant text NOT NULL, name text NOT NULL, version integer NOT NULL,
            state text NOT NULL CHECK (state IN ('PROPOSED', 'ACTIVE', 'REJECTED')),
            effective_from date NOT NULL, source text NOT NULL, diff_hash text NOT NULL,
            change_ref text NOT NULL, maker text NOT NULL, proposed_at timestamptz NOT NULL,
            compared jsonb, checker text NOT NULL DEFAULT '', decided_at timestamptz,
            reason text NOT NULL DEFAULT '', rule_count integer NOT NULL,
            PRIMARY KEY (tenant, name, version)
        )
    """)
    op.execute("""
        CREATE TABLE adjustment (
            tenant text NOT NULL, id text NOT NULL,
            kind text NOT NULL CHECK (kind IN ('MANUAL_JOURNAL', 'RATES', 'REPOST')),
            state text NOT NULL CHECK (state IN ('PROPOSED', 'APPROVED', 'REJECTED')),
            document jsonb NOT NULL, maker text NOT NULL, proposed_at timestamptz NOT NULL,
            checker text NOT NULL DEFAULT '', decided_at timestamptz,
            reason text NOT NULL DEFAULT '', result jsonb NOT NULL DEFAULT '{}',
            number bigint GENERATED ALWAYS AS IDENTITY,
            PRIMARY KEY (tenant, id)
        )
    """)
    op.execute("CREATE INDEX adjustment_newest ON adjustment (tenant, kind, number)")
