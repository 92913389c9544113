"""Policy entries with their history, bundles, supply lines and transfers."""

from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    _policy()
    _reads()
    _supply()
    _repairs()
    _promises()
    # What was last told of each position; empty for those nobody was told anything of yet.
    op.execute("""
        ALTER TABLE stock_position ADD COLUMN level text NOT NULL DEFAULT '',
            ADD COLUMN level_version bigint NOT NULL DEFAULT 0
    """)


def _policy() -> None:
    # The stamp names one content for ever: a number alone is used twice when a write is rolled
    # back, and a copy kept in memory would then be taken for another content.
    op.execute("""
        CREATE TABLE policy_version (
            tenant text PRIMARY KEY, version bigint NOT NULL, stamp uuid NOT NULL
        ) WITH (fillfactor = 50)
    """)
    op.execute("""
        INSERT INTO policy_version (tenant, version, stamp)
        SELECT tenant, 1, gen_random_uuid() FROM location GROUP BY tenant
    """)
    op.execute("""
        CREATE TABLE policy_entry (
            tenant text NOT NULL, kind text NOT NULL, id text NOT NULL, version bigint NOT NULL,
            ordinal smallint NOT NULL, content jsonb NOT NULL, valid_from timestamptz,
            valid_until timestamptz, deleted boolean NOT NULL, recorded_at timestamptz NOT NULL,
            actor text NOT NULL, superseded_by bigint,
            PRIMARY KEY (tenant, kind, id, version, ordinal)
        )
    """)
    op.execute("""
        CREATE INDEX policy_entry_current ON policy_entry (tenant, kind, id)
        WHERE superseded_by IS NULL
    """)
    op.execute("CREATE INDEX policy_entry_history ON policy_entry (tenant, version)")
    op.execute("""
        CREATE TABLE bundle_component (
            tenant text NOT NULL, bundle text NOT NULL, component text NOT NULL,
            ratio bigint NOT NULL CHECK (ratio > 0), PRIMARY KEY (tenant, bundle, component)
        )
    """)


def _reads() -> None:
    # A read finds the expired holds of the positions it asks for, not all there are. Confirmed
    # reservations, most of the hot path, are not in it.
    op.execute("""
        CREATE INDEX reservation_held_lines ON reservation USING gin (lines jsonb_path_ops)
        WITH (fastupdate = on, gin_pending_list_limit = 256) WHERE state = 'HELD'
    """)
    # Lists go by SKU and location in one order everywhere, whatever the collation of the database;
    # and a rule of one location must not look at all the others. Neither is touched by updates.
    op.execute("""
        CREATE INDEX stock_position_listed
        ON stock_position (tenant, sku COLLATE "C", location COLLATE "C")
    """)
    op.execute("CREATE INDEX stock_position_at ON stock_position (tenant, location, sku)")
    # For looking at a past moment: holds that had ended by then and were not tidied yet.
    op.execute("""
        CREATE INDEX reservation_ended ON reservation (tenant, expires_at) WHERE state = 'EXPIRED'
    """)


def _repairs() -> None:
    op.execute("""
        CREATE TABLE stock_repair (
            tenant text NOT NULL, id uuid NOT NULL, sku text NOT NULL, location text NOT NULL,
            reason text NOT NULL, asked_by text NOT NULL, asked_at timestamptz NOT NULL,
            approved_by text NOT NULL DEFAULT '', approved_at timestamptz,
            PRIMARY KEY (tenant, id)
        )
    """)


def _promises() -> None:
    op.execute("""
        CREATE TABLE promise_record (
            tenant text NOT NULL, id uuid NOT NULL, actor text NOT NULL, request bytea NOT NULL,
            response bytea NOT NULL, created_at timestamptz NOT NULL, PRIMARY KEY (tenant, id)
        )
    """)
    op.execute("CREATE INDEX promise_record_age ON promise_record (created_at)")


def _supply() -> None:
    op.execute("""
        CREATE TABLE supply_line (
            tenant text NOT NULL, id text NOT NULL, sku text NOT NULL, location text NOT NULL,
            kind text NOT NULL, open bigint NOT NULL CHECK (open >= 0), eta timestamptz NOT NULL,
            confidence integer NOT NULL CHECK (confidence BETWEEN 0 AND 10000),
            promiseable boolean NOT NULL, pegged bigint NOT NULL DEFAULT 0 CHECK (pegged >= 0),
            received bigint NOT NULL DEFAULT 0, state text NOT NULL, source_location text NOT NULL,
            external_ref text NOT NULL, overdue_at timestamptz, version bigint NOT NULL,
            updated_at timestamptz NOT NULL, PRIMARY KEY (tenant, id)
        ) WITH (fillfactor = 80)
    """)
    op.execute("""
        CREATE INDEX supply_line_open ON supply_line (tenant, sku, location)
        WHERE state = 'OPEN'
    """)
    op.execute("CREATE INDEX supply_line_eta ON supply_line (eta) WHERE state = 'OPEN'")
    # Few reservations wait for supply; a receipt finds them without looking at the others.
    op.execute("""
        CREATE INDEX reservation_pegged ON reservation USING gin (lines jsonb_path_ops)
        WHERE jsonb_path_exists(lines, '$[*].pegs[*]')
    """)
