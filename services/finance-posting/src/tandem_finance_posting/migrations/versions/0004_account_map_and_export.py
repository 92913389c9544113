"""Account map and export batches."""

from alembic import op

revision = "0004"
down_revision = "0003"

STATEMENTS = (
    """
    CREATE TABLE account_map (
        tenant text NOT NULL, version integer NOT NULL,
        state text NOT NULL CHECK (state IN ('PROPOSED', 'ACTIVE', 'RETIRED', 'REJECTED')),
        base_version integer NOT NULL, content jsonb NOT NULL, content_hash text NOT NULL,
        note text NOT NULL, proposed_by text NOT NULL, proposed_at timestamptz NOT NULL,
        decided_by text NOT NULL DEFAULT '', decided_at timestamptz,
        decision_note text NOT NULL DEFAULT '',
        PRIMARY KEY (tenant, version)
    )
""",
    # Two maps in force would send one role to two accounts, whichever was read.
    "CREATE UNIQUE INDEX account_map_in_force ON account_map (tenant) WHERE state = 'ACTIVE'",
    """
    CREATE TABLE export_ledger (
        tenant text NOT NULL, legal_entity text NOT NULL, book text NOT NULL,
        last_sequence bigint NOT NULL, last_batch bigint NOT NULL,
        PRIMARY KEY (tenant, legal_entity, book)
    ) WITH (fillfactor = 50)
""",
    """
    CREATE TABLE export_batch (
        tenant text NOT NULL, id uuid NOT NULL, legal_entity text NOT NULL, book text NOT NULL,
        number bigint NOT NULL, state text NOT NULL, map_version integer NOT NULL,
        journal_count integer NOT NULL, line_count integer NOT NULL,
        totals jsonb NOT NULL DEFAULT '[]', content_hash text NOT NULL DEFAULT '',
        version integer NOT NULL DEFAULT 0, built_at timestamptz NOT NULL,
        sealed_at timestamptz, sent_at timestamptz, finished_at timestamptz,
        PRIMARY KEY (tenant, id), UNIQUE (tenant, legal_entity, book, number)
    ) WITH (fillfactor = 70)
""",
    """
    CREATE UNIQUE INDEX export_batch_building ON export_batch (tenant, legal_entity, book)
    WHERE state = 'BUILDING'
""",
    "CREATE INDEX export_batch_state ON export_batch (state, built_at)",
    """
    CREATE TABLE export_group (
        tenant text NOT NULL, batch_id uuid NOT NULL, number integer NOT NULL,
        generation integer NOT NULL, external_id text NOT NULL, state text NOT NULL,
        accounting_date date NOT NULL, functional_currency_code text NOT NULL,
        journal_count integer NOT NULL, line_count integer NOT NULL, totals jsonb NOT NULL,
        content_hash text NOT NULL, erp_ref text NOT NULL DEFAULT '',
        code text NOT NULL DEFAULT '', detail text NOT NULL DEFAULT '',
        attempts integer NOT NULL DEFAULT 0, due_at timestamptz,
        PRIMARY KEY (tenant, batch_id, number, generation), UNIQUE (tenant, external_id)
    ) WITH (fillfactor = 70)
""",
    "CREATE INDEX export_group_due ON export_group (due_at) WHERE due_at IS NOT NULL",
    """
    CREATE TABLE export_line (
        tenant text NOT NULL, batch_id uuid NOT NULL, group_number integer NOT NULL,
        generation integer NOT NULL, number integer NOT NULL, segments jsonb NOT NULL,
        family text NOT NULL, side text NOT NULL, amount_minor bigint NOT NULL,
        currency_code text NOT NULL, functional_minor bigint NOT NULL, dimensions jsonb NOT NULL,
        member_count integer NOT NULL, member_hash text NOT NULL,
        PRIMARY KEY (tenant, batch_id, group_number, generation, number)
    )
""",
    """
    CREATE TABLE export_member (
        tenant text NOT NULL, batch_id uuid NOT NULL, journal_id uuid NOT NULL,
        sequence bigint NOT NULL, accounting_date date NOT NULL,
        state text NOT NULL CHECK (state IN ('PENDING', 'ACKED', 'REJECTED')),
        group_number integer NOT NULL DEFAULT 0, generation integer NOT NULL DEFAULT 0,
        code text NOT NULL DEFAULT '',
        detail text NOT NULL DEFAULT '', decided_at timestamptz,
        PRIMARY KEY (tenant, batch_id, journal_id)
    ) WITH (fillfactor = 70)
""",
    # A journal is in one live batch only, whoever builds at once; a rejected one may go again.
    """
    CREATE UNIQUE INDEX export_member_live ON export_member (tenant, journal_id)
    WHERE state <> 'REJECTED'
""",
    "CREATE INDEX export_member_group ON export_member (tenant, batch_id, group_number)",
    """
    CREATE TABLE export_hold (
        tenant text NOT NULL, journal_id uuid NOT NULL, legal_entity text NOT NULL,
        book text NOT NULL, sequence bigint NOT NULL, accounting_date date NOT NULL,
        state text NOT NULL CHECK (state IN ('HELD', 'RELEASED', 'EXPORTED')),
        code text NOT NULL, role text NOT NULL, detail text NOT NULL, hint text NOT NULL,
        map_version integer NOT NULL, held_at timestamptz NOT NULL,
        PRIMARY KEY (tenant, journal_id)
    ) WITH (fillfactor = 70)
""",
    """
    CREATE INDEX export_hold_open ON export_hold (tenant, legal_entity, book, sequence)
    WHERE state <> 'EXPORTED'
""",
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)
