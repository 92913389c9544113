"""Estimates: approved cohorts, and what of their targets is in the books."""

from alembic import op

revision = "0007"
down_revision = "0006"

STATEMENTS = (
    """
    CREATE TABLE estimate (
        tenant text NOT NULL, legal_entity text NOT NULL, kind text NOT NULL,
        version integer NOT NULL,
        state text NOT NULL CHECK (state IN ('PROPOSED', 'ACTIVE', 'RETIRED')),
        currency_code text NOT NULL, cohorts jsonb NOT NULL, content_hash text NOT NULL,
        note text NOT NULL, proposed_by text NOT NULL, proposed_at timestamptz NOT NULL,
        decided_by text NOT NULL DEFAULT '', decided_at timestamptz,
        PRIMARY KEY (tenant, legal_entity, kind, version)
    )
""",
    """
    CREATE UNIQUE INDEX estimate_in_force ON estimate (tenant, legal_entity, kind)
    WHERE state = 'ACTIVE'
""",
    # What was posted is kept per cohort for ever: a target is cumulative, and a cohort left out of
    # a later version is still to be brought down to nothing.
    """
    CREATE TABLE estimate_cohort (
        tenant text NOT NULL, legal_entity text NOT NULL, kind text NOT NULL,
        cohort text NOT NULL, currency_code text NOT NULL, liability_minor bigint NOT NULL,
        asset_minor bigint NOT NULL, runs integer NOT NULL, run_at timestamptz NOT NULL,
        PRIMARY KEY (tenant, legal_entity, kind, cohort)
    ) WITH (fillfactor = 70)
""",
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)
