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
        version bigint NOT NULL,
        PRIMARY KEY (tenant, legal_entity, book, first_date),
        UNIQUE (tenant, legal_entity, book, code),
        CHECK (first_date <= last_date)
    )
""",
    """
    CREATE TABLE period_change (
        tenant text NOT NULL, id uuid NOT NULL, legal_entity text NOT NULL, book text NOT NULL,
        code text NOT NULL, first_date date NOT NULL, last_date date NOT NULL,
        state text NOT NULL CHECK (state IN ('PROPOSED', 'DONE', 'REJECTED')),
        from_state text NOT NULL, to_state text NOT NULL,
        proposed_by text NOT NULL, proposed_at timestamptz NOT NULL, reason text NOT NULL,
        decided_by text NOT NULL, decided_at timestamptz, decision_reason text NOT NULL,
        chain_sequence bigint NOT NULL, chain_hash bytea NOT NULL, balance_hash bytea NOT NULL,
        reseals boolean NOT NULL,
        PRIMARY KEY (tenant, id)
    )
""",
    """
    CREATE INDEX period_change_newest
        ON period_change (tenant, legal_entity, book, proposed_at, id)
""",
    # One open proposal of a period, whatever two people ask at once.
    """
    CREATE UNIQUE INDEX period_change_open ON period_change
        (tenant, legal_entity, book, first_date) WHERE state = 'PROPOSED'
""",
    """
    CREATE TABLE asserted_blocker (
        tenant text NOT NULL, legal_entity text NOT NULL, book text NOT NULL,
        first_date date NOT NULL, source text NOT NULL, ref text NOT NULL, detail text NOT NULL,
        value_minor bigint NOT NULL, currency_code text NOT NULL, asserted_at timestamptz NOT NULL,
        PRIMARY KEY (tenant, legal_entity, book, first_date, source, ref)
    )
""",
    """
    CREATE TABLE late_posting (
        tenant text NOT NULL, legal_entity text NOT NULL, book text NOT NULL,
        first_date date NOT NULL, functional_currency_code text NOT NULL,
        gross_minor numeric NOT NULL, told_at timestamptz NOT NULL, version bigint NOT NULL,
        PRIMARY KEY (tenant, legal_entity, book, first_date, functional_currency_code)
    )
""",
    """
    CREATE INDEX finance_event_held_by_day ON finance_event (tenant, legal_entity, original_date)
        WHERE state = 'HELD'
""",
)

# numeric: sums of amounts up to 10^15 over years of lines do not fit into 64 bits for ever.
BALANCES = (
    """
    CREATE TABLE ledger_balance (
        tenant text NOT NULL, legal_entity text NOT NULL, book text NOT NULL,
        role text NOT NULL, currency_code text NOT NULL, functional_currency_code text NOT NULL,
        accounting_date date NOT NULL, original_date date NOT NULL, recorded_date date NOT NULL,
        debit_minor numeric NOT NULL, credit_minor numeric NOT NULL,
        functional_debit_minor numeric NOT NULL, functional_credit_minor numeric NOT NULL,
        PRIMARY KEY (tenant, legal_entity, book, accounting_date, original_date, recorded_date,
                     role, currency_code, functional_currency_code)
    ) WITH (fillfactor = 50)
""",
    """
    CREATE TABLE ledger_day (
        tenant text NOT NULL, legal_entity text NOT NULL, book text NOT NULL,
        accounting_date date NOT NULL, original_date date NOT NULL, recorded_date date NOT NULL,
        journals bigint NOT NULL,
        PRIMARY KEY (tenant, legal_entity, book, accounting_date, original_date, recorded_date)
    ) WITH (fillfactor = 50)
""",
    """
    INSERT INTO ledger_balance
    SELECT l.tenant, l.legal_entity, l.book, l.role, l.currency_code, j.functional_currency_code,
           j.accounting_date, j.original_date, CAST(j.recorded_at AT TIME ZONE 'UTC' AS date),
           coalesce(sum(l.amount_minor) FILTER (WHERE l.side = 'DEBIT'), 0),
           coalesce(sum(l.amount_minor) FILTER (WHERE l.side = 'CREDIT'), 0),
           coalesce(sum(l.functional_minor) FILTER (WHERE l.side = 'DEBIT'), 0),
           coalesce(sum(l.functional_minor) FILTER (WHERE l.side = 'CREDIT'), 0)
    FROM journal_line l JOIN journal j ON (j.tenant, j.id) = (l.tenant, l.journal_id)
    GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9
""",
    """
    INSERT INTO ledger_day
    SELECT tenant, legal_entity, book, accounting_date, original_date,
           CAST(recorded_at AT TIME ZONE 'UTC' AS date), count(*)
    FROM journal GROUP BY 1, 2, 3, 4, 5, 6
""",
)

SEALS = (
    """
    CREATE TABLE seal_chain (
        tenant text NOT NULL, legal_entity text NOT NULL, book text NOT NULL,
        sequence bigint NOT NULL, hash bytea NOT NULL, broken_at bigint, broken_why text,
        sealed_at timestamptz, rooted_day date, breaks bigint NOT NULL DEFAULT 0,
        roots bigint NOT NULL DEFAULT 0,
        PRIMARY KEY (tenant, legal_entity, book)
    ) WITH (fillfactor = 50)
""",
    """
    CREATE TABLE journal_seal (
        tenant text NOT NULL, legal_entity text NOT NULL, book text NOT NULL,
        sequence bigint NOT NULL, journal_id uuid NOT NULL, format smallint NOT NULL,
        hash bytea NOT NULL, sealed_at timestamptz NOT NULL,
        PRIMARY KEY (tenant, legal_entity, book, sequence)
    )
""",
    """
    CREATE TABLE seal_root (
        tenant text NOT NULL, legal_entity text NOT NULL, book text NOT NULL, day date NOT NULL,
        sequence bigint NOT NULL, hash bytea NOT NULL, rooted_at timestamptz NOT NULL,
        PRIMARY KEY (tenant, legal_entity, book, day)
    )
""",
)
SEQUENCES = (
    # What was seen is one value: gaps are what is missing in it, in whatever order numbers came.
    """
    CREATE TABLE source_sequence (
        tenant text NOT NULL, source text NOT NULL, kind text NOT NULL, legal_entity text NOT NULL,
        store text NOT NULL, register text NOT NULL, business_date date NOT NULL,
        seen int8multirange NOT NULL,
        voided int8multirange NOT NULL, void_reason text NOT NULL, declared_last bigint,
        changed_at timestamptz NOT NULL,
        PRIMARY KEY (tenant, source)
    ) WITH (fillfactor = 50)
""",
    """
    CREATE INDEX source_sequence_day
        ON source_sequence (tenant, legal_entity, business_date, source)
""",
)

COMPLETENESS = (
    # What an event is worth, the same for posted and held ones: its amount, or what its lines add
    # up to, or what its goods cost: once, although they stand in the facts as told and as stamped.
    # Kept with the event: a month of them is summed in one read.
    """
    CREATE FUNCTION finance_event_value(facts jsonb) RETURNS numeric
    LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
        SELECT CASE WHEN jsonb_typeof(facts -> 'amount') = 'number'
            THEN CAST(facts -> 'amount' AS numeric)
            ELSE coalesce(
                nullif((
                    SELECT sum(CASE WHEN k IN ('discount', 'funded', 'fee') THEN -n ELSE n END)
                    FROM (SELECT e.value, e.key FROM jsonb_each(facts) AS e
                          UNION ALL
                          SELECT f.value, f.key
                          FROM jsonb_path_query(facts, '$.* ? (@.type() == "object")') AS item,
                               jsonb_each(item) AS f) AS t (v, k),
                         LATERAL (SELECT CASE WHEN jsonb_typeof(v) = 'number'
                                              THEN CAST(v AS numeric) END AS n) AS number
                    WHERE k IN ('list', 'net', 'ship', 'tax', 'ship_tax', 'amount', 'discount',
                                'funded', 'fee')
                ), 0),
                (SELECT max(total) FROM (
                    SELECT sum(CAST(item -> 'cost' AS numeric)) AS total
                    FROM jsonb_each(facts) AS e (name, records),
                         jsonb_path_query(records, '$[*] ? (@.cost.type() == "number")') AS item
                    GROUP BY name) AS of_lists),
                0)
            END
    $$
""",
    """
    ALTER TABLE finance_event
        ADD COLUMN value_minor numeric GENERATED ALWAYS AS (finance_event_value(facts)) STORED,
        ADD COLUMN channel text GENERATED ALWAYS AS (coalesce(facts ->> 'channel', '')) STORED,
        ADD COLUMN store text GENERATED ALWAYS AS (coalesce(facts ->> 'store', '')) STORED
""",
    "CREATE INDEX finance_event_day ON finance_event (tenant, legal_entity, original_date)",
    """
    CREATE INDEX journal_line_refund ON journal_line (tenant, legal_entity, accounting_date)
        INCLUDE (journal_id, side, amount_minor, currency_code) WHERE role = 'REFUND_PAYABLE'
""",
)


def upgrade() -> None:
    for statement in (*PERIODS, *BALANCES, *SEALS, *SEQUENCES, *COMPLETENESS):
        op.execute(statement)
