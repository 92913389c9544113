"""Finance events, journals, cost pools, open items and the tables of the platform."""

from alembic import op
from tandem_platform import platform_tables

revision = "0001"
down_revision = None


STATEMENTS = (
    """
    CREATE TABLE finance_event (
        tenant text NOT NULL, event_key text NOT NULL, event_type text NOT NULL,
        state text NOT NULL, legal_entity text NOT NULL, original_date date NOT NULL,
        order_id text NOT NULL, currency_code text NOT NULL, fingerprint bytea NOT NULL,
        facts jsonb NOT NULL, document jsonb NOT NULL, skus text[] NOT NULL,
        hold_gate text NOT NULL, hold_detail text NOT NULL,
        accepted_no bigint GENERATED ALWAYS AS IDENTITY,
        accepted_at timestamptz NOT NULL, posted_at timestamptz,
        PRIMARY KEY (tenant, event_key)
    ) WITH (fillfactor = 90)
""",
    "CREATE INDEX finance_event_newest ON finance_event (tenant, accepted_no)",
    "CREATE INDEX finance_event_order ON finance_event (tenant, order_id)",
    "CREATE INDEX finance_event_held ON finance_event (accepted_no) WHERE state = 'HELD'",
    """
    CREATE TABLE journal (
        tenant text NOT NULL, id uuid NOT NULL, sequence bigint NOT NULL,
        legal_entity text NOT NULL, book text NOT NULL, event_key text NOT NULL,
        event_type text NOT NULL, purpose text NOT NULL, generation integer NOT NULL,
        original_date date NOT NULL, accounting_date date NOT NULL,
        recorded_at timestamptz NOT NULL, rule_set text NOT NULL, rule_id text NOT NULL,
        order_id text NOT NULL, currency_code text NOT NULL, trace_id text NOT NULL,
        PRIMARY KEY (tenant, id),
        UNIQUE (tenant, legal_entity, book, sequence),
        UNIQUE (tenant, event_key, book, purpose, generation)
    )
""",
    "CREATE INDEX journal_order ON journal (tenant, order_id)",
    "CREATE INDEX journal_newest ON journal (tenant, recorded_at, id)",
    """
    CREATE TABLE journal_line (
        tenant text NOT NULL, journal_id uuid NOT NULL, number integer NOT NULL,
        legal_entity text NOT NULL, book text NOT NULL, accounting_date date NOT NULL,
        role text NOT NULL, side text NOT NULL CHECK (side IN ('DEBIT', 'CREDIT')),
        amount_minor bigint NOT NULL CHECK (amount_minor > 0), currency_code text NOT NULL,
        dimensions jsonb NOT NULL, rule_line text NOT NULL,
        PRIMARY KEY (tenant, journal_id, number)
    )
""",
    """
    CREATE TABLE journal_sequence (
        tenant text NOT NULL, legal_entity text NOT NULL, book text NOT NULL,
        last bigint NOT NULL, PRIMARY KEY (tenant, legal_entity, book)
    ) WITH (fillfactor = 50)
""",
    """
    CREATE TABLE cost_pool (
        tenant text NOT NULL, legal_entity text NOT NULL, sku text NOT NULL,
        quantity bigint NOT NULL CHECK (quantity >= 0), value_minor bigint NOT NULL,
        PRIMARY KEY (tenant, legal_entity, sku)
    ) WITH (fillfactor = 70)
""",
    """
    CREATE TABLE issued_cost (
        tenant text NOT NULL, order_id text NOT NULL, line_ref text NOT NULL,
        quantity bigint NOT NULL, cost_minor bigint NOT NULL,
        returned_quantity bigint NOT NULL, returned_cost_minor bigint NOT NULL,
        PRIMARY KEY (tenant, order_id, line_ref)
    ) WITH (fillfactor = 80)
""",
    """
    CREATE TABLE order_open_items (
        tenant text NOT NULL, order_id text NOT NULL, receivable_minor bigint NOT NULL,
        deposit_minor bigint NOT NULL, applications integer NOT NULL,
        PRIMARY KEY (tenant, order_id)
    ) WITH (fillfactor = 70)
""",
)


def upgrade() -> None:
    platform_tables.create(op)
    for statement in STATEMENTS:
        op.execute(statement)
