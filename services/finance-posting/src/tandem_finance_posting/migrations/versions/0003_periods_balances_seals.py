"""Periods, maintained balances, the seal chain, source sequences."""

from alembic import op

revision = "0003"
down_revision = "0002"

PERIODS = (
    """
    CREATE TABLE accounting_period (
        tenant text NOT NULL, legal_entity text NOT NULL, book text NOT NULL,
        code text NOT NULL, first_date date NOT NULL, last_date date NOT NULL,
        state text CHECK (state IN ('OPEN', 'SOFT_CLOSED', 'CLOSED', 'LOCKED')),
        PRIMARY KEY (tenant, legal_entity, book, first_date),
        UNIQUE (tenant, legal_entity, book, code),
        CHECK (first_date <= last_date)
    )
""",
)


def upgrade() -> None:
    for statement in PERIODS:
        op.execute(statement)
