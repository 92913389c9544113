"""More buckets and terms of a position, claims on groups of locations, terms of a reservation."""

from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    # Constant defaults: Postgres adds such columns without writing the rows again.
    op.execute("""
        ALTER TABLE stock_position
            ADD COLUMN refurbish bigint NOT NULL DEFAULT 0,
            ADD COLUMN picked bigint NOT NULL DEFAULT 0,
            ADD COLUMN in_transit bigint NOT NULL DEFAULT 0,
            ADD COLUMN leased bigint NOT NULL DEFAULT 0 CHECK (leased >= 0),
            ADD COLUMN backordered bigint NOT NULL DEFAULT 0 CHECK (backordered >= 0),
            ADD COLUMN stale_at timestamptz,
            ADD COLUMN in_conflict boolean NOT NULL DEFAULT false
    """)
    op.execute("""
        CREATE TABLE group_claim (
            tenant text NOT NULL, sku text NOT NULL, group_id text NOT NULL,
            hard bigint NOT NULL DEFAULT 0 CHECK (hard >= 0),
            soft bigint NOT NULL DEFAULT 0 CHECK (soft >= 0),
            in_conflict boolean NOT NULL DEFAULT false,
            PRIMARY KEY (tenant, sku, group_id)
        ) WITH (fillfactor = 50)
    """)
    op.execute("""
        CREATE INDEX stock_position_backordered ON stock_position (tenant, sku, location)
        WHERE backordered > 0
    """)
    op.execute("""
        CREATE INDEX reservation_backordered ON reservation (tenant, created_at)
        WHERE state IN ('HELD', 'CONFIRMED')
          AND jsonb_path_exists(lines, '$[*] ? (@.backordered > 0)')
    """)
    op.execute("""
        ALTER TABLE reservation
            ADD COLUMN extensions integer NOT NULL DEFAULT 0,
            ADD COLUMN fulfilment_mode text NOT NULL DEFAULT '',
            ADD COLUMN checkout_step text NOT NULL DEFAULT ''
    """)
