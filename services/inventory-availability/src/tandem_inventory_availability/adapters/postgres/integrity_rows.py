"""Every figure beside the sum of its parts, in one statement: one moment, whatever happens then."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection

from tandem_inventory_availability.adapters.postgres.stock_rows import BUCKET_COLUMNS

DIFFERENCES_MAX = 250

_BUCKET_SUMS = ",\n".join(
    f"""sum((to_bucket = '{bucket.value}')::int * quantity
          - (from_bucket = '{bucket.value}')::int * quantity) AS {column}"""
    for bucket, column in BUCKET_COLUMNS.items()
)
_BUCKET_FIGURES = ", ".join(
    f"('{column}', p.{column}, l.{column})" for column in BUCKET_COLUMNS.values()
)
LEDGER = f"""
    SELECT sku, location, count(*) AS position, max(position) AS highest, {_BUCKET_SUMS}
    FROM ledger_entry WHERE tenant = :tenant AND (:sku = '' OR sku = :sku)
      AND (:location = '' OR location = :location) GROUP BY sku, location
"""
# A line claims its open units on hand, without those that wait for supply. Ended reservations keep
# what was never settled.
_LINES = """
    SELECT l.sku, COALESCE(l.location, '') AS location, COALESCE(l."group", '') AS group_id,
        r.state, l.quantity - l.released - l.shipped - COALESCE(l.pegged, 0) AS units,
        l.shipped - l.settled AS unsettled, COALESCE(l.backordered, 0) AS backordered,
        COALESCE(l.pegs, '[]') AS pegs, COALESCE(l.draws, '[]') AS draws
    FROM reservation AS r, jsonb_to_recordset(r.lines) AS l (sku text, location text,
         "group" text, quantity bigint, released bigint, shipped bigint, settled bigint,
         pegged bigint, backordered bigint, pegs jsonb, draws jsonb)
    WHERE r.tenant = :tenant AND (:sku = '' OR l.sku = :sku)
"""
CLAIMS = """
    SELECT sku, location, group_id,
        COALESCE(sum(units) FILTER (WHERE state = 'CONFIRMED'), 0) AS hard,
        COALESCE(sum(units) FILTER (WHERE state = 'HELD'), 0) AS soft,
        sum(unsettled) AS unsettled,
        COALESCE(sum(backordered) FILTER (WHERE state IN ('CONFIRMED', 'HELD')), 0) AS backordered
    FROM lines GROUP BY sku, location, group_id
"""
_PEGS = """
    SELECT p.supply_line_id AS id, sum(p.quantity) AS pegged
    FROM lines, jsonb_to_recordset(lines.pegs) AS p (supply_line_id text, quantity bigint)
    WHERE state IN ('CONFIRMED', 'HELD') GROUP BY 1
"""
_LEASES = """
    SELECT sku, location, sum(GREATEST(0, quantity - used)) AS held
    FROM quota_lease WHERE tenant = :tenant AND state = 'LIVE' GROUP BY sku, location
"""
# Draws of a hold that was tidied stay written in it and went back to their pots.
_DRAWS = """
    SELECT sku, sum(d.quantity) AS units FROM (
        SELECT sku, draws FROM lines WHERE state <> 'EXPIRED' UNION ALL
        SELECT sku, draws FROM quota_lease WHERE tenant = :tenant AND state = 'LIVE'
          AND (:sku = '' OR sku = :sku)) AS c,
        jsonb_to_recordset(c.draws) AS d (quantity bigint) GROUP BY sku
"""
_DRAWN = """
    SELECT sku, sum((pot->>2)::bigint) AS units
    FROM allocation_plan, jsonb_array_elements(drawn) AS pot
    WHERE tenant = :tenant AND (:sku = '' OR sku = :sku) GROUP BY sku
"""
_FEEDS = """
    SELECT sku, location, sum(snapshot_value + delta_sum) AS counted
    FROM stock_feed WHERE tenant = :tenant AND state = 'SELLABLE' GROUP BY sku, location
"""
_DIFFERENCES = text(f"""
    WITH ledger AS ({LEDGER}), lines AS MATERIALIZED ({_LINES}), claims AS ({CLAIMS}),
         pegs AS ({_PEGS}), feeds AS ({_FEEDS}), leases AS ({_LEASES}), draws AS ({_DRAWS}),
         drawn AS ({_DRAWN}), found AS (
        SELECT p.sku, p.location, '' AS group_id, '' AS supply_line_id, f.figure,
               f.projected, COALESCE(f.derived, 0) AS derived
        FROM stock_position AS p
        LEFT JOIN ledger AS l USING (sku, location)
        LEFT JOIN claims AS c ON c.sku = p.sku AND c.location = p.location AND c.group_id = ''
        LEFT JOIN feeds AS s ON s.sku = p.sku AND s.location = p.location
        LEFT JOIN leases AS q ON q.sku = p.sku AND q.location = p.location
        CROSS JOIN LATERAL (VALUES {_BUCKET_FIGURES},
            ('position', p.position, l.position), ('highest_position', p.position, l.highest),
            ('hard_reserved', p.hard, c.hard), ('soft_reserved', p.soft, c.soft),
            ('unsettled', p.unsettled, c.unsettled),
            ('backordered', p.backordered, c.backordered), ('leased', p.leased, q.held),
            ('source_figure', p.on_hand - p.local_net, s.counted)) AS f (figure, projected, derived)
        WHERE p.tenant = :tenant AND (:sku = '' OR p.sku = :sku)
          AND (:location = '' OR p.location = :location)
      UNION ALL
        SELECT COALESCE(g.sku, c.sku), '', COALESCE(g.group_id, c.group_id), '', f.figure,
               f.projected, f.derived
        FROM (SELECT * FROM group_claim
              WHERE tenant = :tenant AND (:sku = '' OR sku = :sku)) AS g
        FULL JOIN (SELECT * FROM claims WHERE group_id <> '') AS c
          ON c.sku = g.sku AND c.group_id = g.group_id
        CROSS JOIN LATERAL (VALUES
            ('group_hard', COALESCE(g.hard, 0), COALESCE(c.hard, 0)),
            ('group_soft', COALESCE(g.soft, 0), COALESCE(c.soft, 0)))
            AS f (figure, projected, derived)
        WHERE :location = ''
      UNION ALL
        SELECT COALESCE(a.sku, d.sku), '', '', '', 'drawn', COALESCE(a.units, 0),
               COALESCE(d.units, 0)
        FROM drawn AS a FULL JOIN draws AS d ON d.sku = a.sku WHERE :location = ''
      UNION ALL
        SELECT s.sku, s.location, '', s.id, 'pegged', s.pegged, COALESCE(p.pegged, 0)
        FROM supply_line AS s LEFT JOIN pegs AS p USING (id)
        WHERE s.tenant = :tenant AND (:sku = '' OR s.sku = :sku)
          AND (:location = '' OR s.location = :location) AND s.state = 'OPEN'
    )
    SELECT sku, location, group_id, supply_line_id, figure, projected::bigint, derived::bigint
    FROM found WHERE projected <> derived ORDER BY 1, 2, 3, 4, 5 LIMIT :rows
""")
_COUNT = text("SELECT count(*) FROM stock_position WHERE tenant = :tenant")


async def differences(
    connection: AsyncConnection, tenant: str, sku: str = "", location: str = ""
) -> Sequence[Row[Any]]:
    """Figures that are not the sum of their parts; of one SKU or position when named."""
    arguments = {"tenant": tenant, "sku": sku, "location": location, "rows": DIFFERENCES_MAX}
    return (await connection.execute(_DIFFERENCES, arguments)).all()


async def positions_count(connection: AsyncConnection, tenant: str) -> int:
    """How many positions there are."""
    return int((await connection.execute(_COUNT, {"tenant": tenant})).scalar_one())
