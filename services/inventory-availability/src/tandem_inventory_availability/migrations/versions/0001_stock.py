"""Catalogue, positions, ledger, reservations, signals and the tables of the platform."""

from alembic import op
from tandem_platform import platform_tables

revision = "0001"
down_revision = None


def upgrade() -> None:
    platform_tables.create(op)
    _catalogue()
    _stock()
    _claims()
    _signals()


def _catalogue() -> None:
    op.execute("""
        CREATE TABLE item (
            tenant text NOT NULL, sku text NOT NULL, title text NOT NULL,
            quantity_scale smallint NOT NULL, PRIMARY KEY (tenant, sku)
        )
    """)
    op.execute("""
        CREATE TABLE location (
            tenant text NOT NULL, id text NOT NULL, kind text NOT NULL, title text NOT NULL,
            priority integer NOT NULL, ships boolean NOT NULL, PRIMARY KEY (tenant, id)
        )
    """)


def _stock() -> None:
    # Room on each page, so that an update of a hot row stays on its page and touches no index.
    op.execute("""
        CREATE TABLE stock_position (
            tenant text NOT NULL, sku text NOT NULL, location text NOT NULL,
            on_hand bigint NOT NULL DEFAULT 0, quality_hold bigint NOT NULL DEFAULT 0,
            damaged bigint NOT NULL DEFAULT 0, return_pending bigint NOT NULL DEFAULT 0,
            hard bigint NOT NULL DEFAULT 0 CHECK (hard >= 0),
            soft bigint NOT NULL DEFAULT 0 CHECK (soft >= 0),
            unsettled bigint NOT NULL DEFAULT 0 CHECK (unsettled >= 0),
            local_net bigint NOT NULL DEFAULT 0, position bigint NOT NULL DEFAULT 0,
            version bigint NOT NULL DEFAULT 0, gap boolean NOT NULL DEFAULT false,
            source_at timestamptz, PRIMARY KEY (tenant, sku, location)
        ) WITH (fillfactor = 50)
    """)
    op.execute("""
        CREATE TABLE ledger_entry (
            tenant text NOT NULL, sku text NOT NULL, location text NOT NULL,
            position bigint NOT NULL, from_bucket text NOT NULL, to_bucket text NOT NULL,
            quantity bigint NOT NULL CHECK (quantity > 0), cause text NOT NULL,
            reference text NOT NULL, local boolean NOT NULL, effective_at timestamptz NOT NULL,
            recorded_at timestamptz NOT NULL, PRIMARY KEY (tenant, sku, location, position)
        )
    """)
    op.execute("""
        CREATE INDEX ledger_entry_local ON ledger_entry (tenant, sku, location, effective_at)
        WHERE local
    """)


def _claims() -> None:
    op.execute("""
        CREATE TABLE reservation (
            tenant text NOT NULL, id uuid NOT NULL, owner_type text NOT NULL,
            owner_id text NOT NULL, channel text NOT NULL, state text NOT NULL,
            expires_at timestamptz, version bigint NOT NULL, lines jsonb NOT NULL,
            created_at timestamptz NOT NULL, PRIMARY KEY (tenant, id)
        ) WITH (fillfactor = 80)
    """)
    op.execute("CREATE INDEX reservation_owner ON reservation (tenant, owner_id, id)")
    op.execute("CREATE INDEX reservation_held ON reservation (expires_at) WHERE state = 'HELD'")
    op.execute("""
        CREATE TABLE shipment_evidence (
            tenant text NOT NULL, reference text NOT NULL, sku text NOT NULL,
            location text NOT NULL, evidenced bigint NOT NULL, claims jsonb NOT NULL,
            PRIMARY KEY (tenant, reference, sku, location)
        )
    """)
    op.execute("""
        CREATE TABLE booked_line (
            tenant text NOT NULL, kind text NOT NULL, reference text NOT NULL,
            line_id text NOT NULL, PRIMARY KEY (tenant, kind, reference, line_id)
        )
    """)


def _signals() -> None:
    op.execute("""
        CREATE TABLE stock_source (
            tenant text NOT NULL, source text NOT NULL, seen jsonb NOT NULL DEFAULT '[]',
            PRIMARY KEY (tenant, source)
        ) WITH (fillfactor = 50)
    """)
    op.execute("""
        CREATE TABLE stock_feed (
            tenant text NOT NULL, source text NOT NULL, sku text NOT NULL, location text NOT NULL,
            snapshot_sequence bigint NOT NULL, snapshot_value bigint NOT NULL,
            delta_sum bigint NOT NULL, gap_sequence bigint NOT NULL, reported_at timestamptz,
            PRIMARY KEY (tenant, sku, location, source)
        ) WITH (fillfactor = 70)
    """)
    op.execute("CREATE INDEX stock_feed_gap ON stock_feed (tenant, source) WHERE gap_sequence > 0")
    op.execute("""
        CREATE TABLE stock_signal (
            tenant text NOT NULL, source text NOT NULL, sequence bigint NOT NULL,
            sku text NOT NULL, location text NOT NULL, kind text NOT NULL,
            quantity bigint NOT NULL, cause text NOT NULL, reference text NOT NULL,
            effective_at timestamptz NOT NULL, outcome text NOT NULL, held boolean NOT NULL,
            headers jsonb NOT NULL, recorded_at timestamptz NOT NULL,
            PRIMARY KEY (tenant, source, sequence, sku, location)
        )
    """)
    op.execute("""
        CREATE INDEX stock_signal_of_position
        ON stock_signal (tenant, sku, location, source, sequence) WHERE kind = 'DELTA'
    """)
    op.execute("CREATE INDEX stock_signal_held ON stock_signal (tenant, source) WHERE held")
