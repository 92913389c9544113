"""Journals: accounting date apart from the original one, links, reversals, functional amounts."""

from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
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
    op.execute("ALTER TABLE journal_line ADD COLUMN functional_minor bigint NOT NULL DEFAULT 0")
    op.execute("UPDATE journal_line SET functional_minor = amount_minor")
    op.execute("ALTER TABLE journal_line DROP CONSTRAINT journal_line_amount_minor_check")
    # A line of a rate difference has no amount in the currency of the transaction.
    op.execute("""
        ALTER TABLE journal_line ADD CONSTRAINT journal_line_amounts
            CHECK (amount_minor >= 0 AND functional_minor >= 0
                   AND amount_minor + functional_minor > 0)
    """)
    op.execute("""
        ALTER TABLE finance_event
            ADD COLUMN source_system text NOT NULL DEFAULT '',
            ADD COLUMN event_id text NOT NULL DEFAULT '',
            ADD COLUMN revision integer NOT NULL DEFAULT 1,
            ADD COLUMN rule_set text NOT NULL DEFAULT ''
    """)
    # Hashes are made of other things from now on: an empty one means "known, not compared".
    op.execute("UPDATE finance_event SET fingerprint = ''")
