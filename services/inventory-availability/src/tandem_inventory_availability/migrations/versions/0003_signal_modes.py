"""Sources, epochs, states of signals, parked signals, snapshot jobs, resync and count requests."""

from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    _registry()
    _streams_and_feeds()
    _journal()
    _reviews()
    _requests()
    _snapshots()


def _registry() -> None:
    op.execute("""
        CREATE TABLE signal_source (
            tenant text NOT NULL, id text NOT NULL, version bigint NOT NULL,
            document jsonb NOT NULL, PRIMARY KEY (tenant, id)
        )
    """)
    op.execute(
        "CREATE TABLE source_registry (tenant text PRIMARY KEY, version bigint NOT NULL DEFAULT 0)"
    )
    # Whoever counted before goes on counting: without a registration it would be refused.
    op.execute("""
        INSERT INTO signal_source (tenant, id, version, document)
        SELECT tenant, source, 1, '{"migrated": true, "owns": [{"location": "*", "states": []}]}'
        FROM stock_source
    """)
    op.execute("INSERT INTO source_registry SELECT DISTINCT tenant, 1 FROM stock_source")


def _streams_and_feeds() -> None:
    # Constant defaults everywhere: Postgres adds such columns without writing the rows again.
    op.execute("""
        ALTER TABLE stock_source
            ADD COLUMN epoch bigint NOT NULL DEFAULT 0, ADD COLUMN lost bigint NOT NULL DEFAULT 0,
            ADD COLUMN received bigint NOT NULL DEFAULT 0,
            ADD COLUMN version bigint NOT NULL DEFAULT 0, ADD COLUMN reported_at timestamptz,
            ADD COLUMN stale boolean NOT NULL DEFAULT false
    """)
    # Without base_high and base_own a row is of the time before: a count by its number, if any.
    op.execute("""
        ALTER TABLE stock_feed
            ADD COLUMN state text NOT NULL DEFAULT 'SELLABLE',
            ADD COLUMN base_epoch bigint NOT NULL DEFAULT 0, ADD COLUMN base_high bigint,
            ADD COLUMN base_tie text NOT NULL DEFAULT '',
            ADD COLUMN base_rule text NOT NULL DEFAULT 'INCLUDED',
            ADD COLUMN base_by_time boolean NOT NULL DEFAULT false, ADD COLUMN base_own boolean,
            ADD COLUMN cover jsonb,
            DROP CONSTRAINT stock_feed_pkey,
            ADD PRIMARY KEY (tenant, sku, location, source, state)
    """)


def _journal() -> None:
    op.execute("""
        ALTER TABLE stock_signal
            ADD COLUMN epoch bigint NOT NULL DEFAULT 0, ADD COLUMN tie text NOT NULL DEFAULT '',
            ADD COLUMN state text NOT NULL DEFAULT 'SELLABLE',
            ADD COLUMN to_state text NOT NULL DEFAULT '',
            ADD COLUMN ambiguous boolean NOT NULL DEFAULT false,
            ADD COLUMN known_as text NOT NULL DEFAULT '',
            DROP CONSTRAINT stock_signal_pkey,
            ADD PRIMARY KEY (tenant, source, epoch, sequence, sku, location, state, tie)
    """)
    op.execute(
        "CREATE INDEX stock_signal_named ON stock_signal (tenant, source, tie) WHERE tie > ''"
    )
    op.execute("DROP INDEX stock_signal_of_position")
    op.execute("""
        CREATE INDEX stock_signal_of_position
        ON stock_signal (tenant, sku, location, effective_at) WHERE kind IN ('DELTA', 'MOVE')
    """)
    op.execute("""
        CREATE INDEX stock_signal_numbered
        ON stock_signal (tenant, sku, location, source, sequence) WHERE kind IN ('DELTA', 'MOVE')
    """)
    op.execute("DROP INDEX stock_signal_held")
    op.execute("CREATE INDEX stock_signal_held ON stock_signal (tenant, sku, location) WHERE held")


def _reviews() -> None:
    op.execute("""
        CREATE TABLE parked_signal (
            tenant text NOT NULL, id uuid NOT NULL, source text NOT NULL, signal jsonb NOT NULL,
            reason text NOT NULL, state text NOT NULL DEFAULT 'PARKED',
            parked_at timestamptz NOT NULL, resolution_reason text NOT NULL DEFAULT '',
            resolved_by text NOT NULL DEFAULT '', PRIMARY KEY (tenant, id)
        )
    """)
    op.execute("CREATE INDEX parked_signal_listed ON parked_signal (tenant, parked_at, id)")
    op.execute("""
        CREATE TABLE stock_publication (
            tenant text NOT NULL, source text NOT NULL, sku text NOT NULL, location text NOT NULL,
            token text NOT NULL, quantity bigint NOT NULL, published_at timestamptz NOT NULL,
            PRIMARY KEY (tenant, source, sku, location)
        )
    """)


def _requests() -> None:
    op.execute("""
        CREATE TABLE count_request (
            tenant text NOT NULL, id uuid NOT NULL, sku text NOT NULL, location text NOT NULL,
            state text NOT NULL, reason text NOT NULL, created_at timestamptz NOT NULL,
            counted_at timestamptz, PRIMARY KEY (tenant, id)
        )
    """)
    op.execute("""
        CREATE UNIQUE INDEX count_request_open ON count_request (tenant, sku, location, state)
        WHERE counted_at IS NULL
    """)
    op.execute("CREATE INDEX count_request_listed ON count_request (tenant, created_at, id)")
    op.execute("""
        CREATE TABLE resync_request (
            tenant text NOT NULL, id uuid NOT NULL, source text NOT NULL, epoch bigint NOT NULL,
            kind text NOT NULL, first_sequence bigint NOT NULL, last_sequence bigint NOT NULL,
            cause text NOT NULL, created_at timestamptz NOT NULL, next_at timestamptz NOT NULL,
            asked_times integer NOT NULL DEFAULT 0, closed_at timestamptz, PRIMARY KEY (tenant, id)
        )
    """)
    op.execute("""
        CREATE UNIQUE INDEX resync_request_open ON resync_request (tenant, source)
        WHERE closed_at IS NULL
    """)


def _snapshots() -> None:
    op.execute("""
        CREATE TABLE snapshot_job (
            tenant text NOT NULL, id uuid NOT NULL, source text NOT NULL, header jsonb NOT NULL,
            state text NOT NULL, received_rows bigint NOT NULL DEFAULT 0,
            total_rows bigint NOT NULL DEFAULT 0, applied_rows bigint NOT NULL DEFAULT 0,
            changed_rows bigint NOT NULL DEFAULT 0, reason text NOT NULL DEFAULT '',
            created_at timestamptz NOT NULL, finished_at timestamptz, PRIMARY KEY (tenant, id)
        )
    """)
    op.execute("""
        CREATE INDEX snapshot_job_to_apply ON snapshot_job (created_at) WHERE state = 'ACCEPTED'
    """)
    op.execute("CREATE INDEX snapshot_job_open ON snapshot_job (created_at) WHERE state = 'OPEN'")
    op.execute("""
        CREATE TABLE snapshot_row (
            tenant text NOT NULL, job_id uuid NOT NULL, sku text NOT NULL,
            quantity bigint NOT NULL, listed boolean NOT NULL DEFAULT true,
            changes boolean NOT NULL DEFAULT false,
            PRIMARY KEY (tenant, job_id, sku)
        )
    """)
