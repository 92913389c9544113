"""Journals: accounting date apart from the original one, links, reversals, functional amounts."""

from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    _journals()
    _lines()
    _events()
    _orders()
    _currencies()


def _journals() -> None:
    # Constant defaults: Postgres adds such columns without writing the rows again.
    op.execute("""
        ALTER TABLE journal
            ADD COLUMN link_id text NOT NULL DEFAULT '',
            ADD COLUMN reverses_journal_id uuid,
            ADD COLUMN functional_currency_code text NOT NULL DEFAULT '',
            ADD COLUMN late_reason text NOT NULL DEFAULT '',
            ADD COLUMN approvals jsonb NOT NULL DEFAULT '[]'
    """)
    op.execute("UPDATE journal SET functional_currency_code = currency_code")
    # At most one reversal of a journal, whoever asks for it at once.
    op.execute("""
        CREATE UNIQUE INDEX journal_reversed_once ON journal (tenant, reverses_journal_id)
        WHERE reverses_journal_id IS NOT NULL
    """)
    op.execute("CREATE INDEX journal_link ON journal (tenant, link_id) WHERE link_id <> ''")
    op.execute("CREATE INDEX journal_event ON journal (tenant, event_key)")


def _lines() -> None:
    op.execute("ALTER TABLE journal_line ADD COLUMN functional_minor bigint NOT NULL DEFAULT 0")
    op.execute("UPDATE journal_line SET functional_minor = amount_minor")
    op.execute("ALTER TABLE journal_line DROP CONSTRAINT journal_line_amount_minor_check")
    # A line of a rate difference has no amount in the currency of the transaction.
    op.execute("""
        ALTER TABLE journal_line ADD CONSTRAINT journal_line_amounts
            CHECK (amount_minor >= 0 AND functional_minor >= 0
                   AND amount_minor + functional_minor > 0)
    """)


def _events() -> None:
    op.execute("""
        ALTER TABLE finance_event
            ADD COLUMN source_system text NOT NULL DEFAULT '',
            ADD COLUMN event_id text NOT NULL DEFAULT '',
            ADD COLUMN revision integer NOT NULL DEFAULT 1,
            ADD COLUMN rule_set text NOT NULL DEFAULT ''
    """)
    # Hashes are made of other things from now on: an empty one means "known, not compared".
    op.execute("UPDATE finance_event SET fingerprint = ''")
    op.execute(r"""
        UPDATE finance_event SET
            source_system = split_part(event_key, ':', 1),
            event_id = regexp_replace(event_key, '^[^:]*:[^:]*:(.*):[0-9]+$', '\1'),
            revision = CAST(regexp_replace(event_key, '^.*:([0-9]+)$', '\1') AS integer)
    """)


def _orders() -> None:
    # Sums before application from here on: what was applied so far is in the derived journals.
    op.execute("""
        ALTER TABLE order_open_items
            ADD COLUMN applied_minor bigint NOT NULL DEFAULT 0,
            ADD COLUMN currency_code text NOT NULL DEFAULT '',
            ADD COLUMN rate_date date, ADD COLUMN rate_nano bigint NOT NULL DEFAULT 0,
            ADD COLUMN paid_minor bigint NOT NULL DEFAULT 0,
            ADD COLUMN refunded_minor bigint NOT NULL DEFAULT 0
    """)
    op.execute("""
        UPDATE order_open_items o SET applied_minor = a.amount,
            receivable_minor = receivable_minor + a.amount,
            deposit_minor = deposit_minor + a.amount
        FROM (SELECT j.tenant, j.order_id, sum(l.amount_minor) AS amount
              FROM journal j JOIN journal_line l ON l.tenant = j.tenant AND l.journal_id = j.id
              WHERE j.event_type = 'deposit.applied' AND l.role = 'AR_ORDER'
              GROUP BY j.tenant, j.order_id) a
        WHERE o.tenant = a.tenant AND o.order_id = a.order_id
    """)
    # What was paid and what became due again, for the limit of refunds.
    op.execute("""
        UPDATE order_open_items o SET paid_minor = p.paid, refunded_minor = p.refunded
        FROM (SELECT j.tenant, j.order_id,
                     coalesce(sum(l.amount_minor) FILTER (WHERE
                         (l.role = 'CUSTOMER_DEPOSIT' AND l.side = 'CREDIT')
                         OR (j.rule_id = 'P08' AND l.side = 'DEBIT' AND l.role IN
                             ('TILL', 'PSP_CLEARING', 'GIFT_CARD_LIAB'))), 0) AS paid,
                     coalesce(sum(l.amount_minor) FILTER (WHERE
                         l.role = 'REFUND_PAYABLE' AND l.side = 'CREDIT'), 0) AS refunded
              FROM journal j JOIN journal_line l ON l.tenant = j.tenant AND l.journal_id = j.id
              WHERE j.order_id <> '' GROUP BY j.tenant, j.order_id) p
        WHERE o.tenant = p.tenant AND o.order_id = p.order_id
    """)


def _currencies() -> None:
    op.execute("""
        CREATE TABLE fx_item (
            tenant text NOT NULL, legal_entity text NOT NULL, book text NOT NULL,
            role text NOT NULL, currency_code text NOT NULL, item text NOT NULL,
            amount_minor bigint NOT NULL, functional_minor bigint NOT NULL,
            PRIMARY KEY (tenant, legal_entity, currency_code, item, book, role)
        ) WITH (fillfactor = 70)
    """)
    # Foreign postings of one entity and currency take turns on this row.
    op.execute("""
        CREATE TABLE fx_ledger (
            tenant text NOT NULL, legal_entity text NOT NULL, currency_code text NOT NULL,
            PRIMARY KEY (tenant, legal_entity, currency_code)
        )
    """)
    op.execute("""
        CREATE TABLE currency_rate (
            tenant text NOT NULL, from_currency text NOT NULL, to_currency text NOT NULL,
            day date NOT NULL, rate_nano bigint NOT NULL CHECK (rate_nano > 0),
            PRIMARY KEY (tenant, from_currency, to_currency, day)
        )
    """)
