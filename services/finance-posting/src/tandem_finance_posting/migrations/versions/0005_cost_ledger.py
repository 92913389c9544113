"""The cost sub-ledger: areas and layers of pools, goods aside, receipts, what holds up what."""

from alembic import op

revision = "0005"
down_revision = "0004"

TABLES = (
    # Constant defaults: no row is written again. A pool of before has no layers; it is one layer.
    """
    ALTER TABLE cost_pool
        ADD COLUMN area text NOT NULL DEFAULT '',
        ADD COLUMN method text NOT NULL DEFAULT 'MOVING_AVERAGE'
            CHECK (method IN ('MOVING_AVERAGE', 'FIFO')),
        ADD COLUMN layers jsonb NOT NULL DEFAULT '[]',
        ADD COLUMN allowance_minor bigint NOT NULL DEFAULT 0,
        ADD COLUMN allowance_quantity bigint NOT NULL DEFAULT 0,
        DROP CONSTRAINT cost_pool_pkey,
        ADD PRIMARY KEY (tenant, legal_entity, area, sku),
        ADD CONSTRAINT cost_pool_worth CHECK (
            value_minor >= 0 AND (quantity > 0 OR value_minor = 0)
            AND allowance_minor >= 0 AND allowance_quantity >= 0)
""",
    """
    CREATE TABLE goods_aside (
        tenant text NOT NULL, legal_entity text NOT NULL,
        stage text NOT NULL
            CHECK (stage IN ('RETURNED', 'REFURB', 'VENDOR', 'TRANSIT', 'CUSTOMER')),
        ref text NOT NULL, line_ref text NOT NULL,
        quantity bigint NOT NULL, cost_minor bigint NOT NULL,
        gone_quantity bigint NOT NULL DEFAULT 0,
        PRIMARY KEY (tenant, legal_entity, stage, ref, line_ref),
        CONSTRAINT goods_aside_worth CHECK (
            quantity >= 0 AND cost_minor >= 0 AND (quantity > 0 OR cost_minor = 0))
    ) WITH (fillfactor = 70)
""",
    """
    CREATE TABLE goods_receipt (
        tenant text NOT NULL, legal_entity text NOT NULL, receipt_ref text NOT NULL,
        lines jsonb NOT NULL,
        PRIMARY KEY (tenant, legal_entity, receipt_ref)
    ) WITH (fillfactor = 80)
""",
    # A held event and what may not overtake it. The order is that of acceptance, with the event.
    """
    CREATE TABLE cost_hold (
        tenant text NOT NULL, key text[] NOT NULL, event_key text NOT NULL,
        PRIMARY KEY (tenant, key, event_key)
    )
""",
    "CREATE INDEX cost_hold_event ON cost_hold (tenant, event_key)",
)
BACKFILL = (
    # Goods in quarantine were on the books without a line of their own.
    """
    INSERT INTO goods_aside (tenant, legal_entity, stage, ref, line_ref, quantity, cost_minor)
    SELECT e.tenant, e.legal_entity, 'RETURNED', e.order_id, r.line_ref,
           sum(r.quantity), sum(r.hold)
    FROM finance_event e,
         jsonb_to_recordset(e.facts -> 'returned_costs')
             AS r (line_ref text, quantity bigint, hold bigint)
    WHERE e.event_type = 'refund.approved' AND e.state = 'POSTED' AND r.hold > 0
    GROUP BY 1, 2, 4, 5
""",
    """
    INSERT INTO cost_hold (tenant, key, event_key)
    SELECT tenant, ARRAY['pool', tenant, legal_entity, '', unnest(skus)], event_key
    FROM finance_event
    WHERE state = 'HELD' AND event_type IN ('shipment.confirmed', 'pos.sale')
    UNION
    SELECT tenant, ARRAY['line', tenant, order_id, issue ->> 'line_ref'], event_key
    FROM finance_event, jsonb_array_elements(document -> 'issues') AS issue
    WHERE state = 'HELD'
""",
)


def upgrade() -> None:
    for statement in (*TABLES, *BACKFILL):
        op.execute(statement)
