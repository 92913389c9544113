"""API clients, and the tables every service has."""

from alembic import op
from tandem_platform import platform_tables

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    platform_tables.create(op)
    op.execute("""
        CREATE TABLE api_client (
            api_client_id       uuid PRIMARY KEY,
            tenant              text NOT NULL,
            display_name        text NOT NULL,
            scopes              text[] NOT NULL,
            channel             text NOT NULL,
            requests_per_second integer NOT NULL CHECK (requests_per_second >= 0),
            secret_hash         bytea NOT NULL CHECK (length(secret_hash) = 32),
            created_at          timestamptz NOT NULL,
            expires_at          timestamptz,
            revoked_at          timestamptz
        )
    """)
    op.execute("CREATE INDEX api_client_page ON api_client (tenant, created_at, api_client_id)")


def downgrade() -> None:
    op.execute("DROP TABLE api_client")
