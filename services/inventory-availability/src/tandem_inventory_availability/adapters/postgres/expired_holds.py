"""What holds whose time is over still have written into the rows of a batch: it counts no more.

The sweeper only tidies; between the end of a hold and its tidying the figures are corrected here.
"""

from __future__ import annotations

import json

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from tandem_inventory_availability.domain.reservation_line import GroupKey
from tandem_inventory_availability.domain.stock_book import StockBook
from tandem_inventory_availability.domain.stock_position import StockKey

_EXPIRED = text("""
    SELECT r.tenant, l.sku, COALESCE(l.location, ''), COALESCE(l."group", ''),
           sum(l.quantity - l.released - l.shipped - COALESCE(l.pegged, 0))::bigint,
           sum(COALESCE(l.backordered, 0))::bigint,
           COALESCE(jsonb_agg(l.pegs) FILTER (WHERE l.pegs IS NOT NULL), '[]')::text
    FROM reservation AS r, jsonb_to_recordset(r.lines)
         AS l (sku text, location text, "group" text, quantity bigint, released bigint,
               shipped bigint, pegged bigint, backordered bigint, pegs jsonb)
    WHERE r.state = 'HELD' AND r.expires_at <= :now
      AND (r.tenant, l.sku) IN (
          SELECT * FROM unnest(CAST(:tenants AS text[]), CAST(:skus AS text[])))
    GROUP BY 1, 2, 3, 4
""")


async def load(connection: AsyncConnection, book: StockBook) -> None:
    """Takes the expired part of all claims into the book; most batches have no hold at all."""
    skus = {(key.tenant, key.sku) for key, p in book.positions.items() if p.soft}
    skus |= {(key.tenant, key.sku) for key, claim in book.group_claims.items() if claim.soft}
    skus |= {(s.key.tenant, s.key.sku) for s in book.supply.values() if s.pegged}
    if not skus:
        return
    ordered = sorted(skus)
    arguments = {
        "tenants": [sku[0] for sku in ordered],
        "skus": [sku[1] for sku in ordered],
        "now": book.now,
    }
    for tenant, sku, location, group, units, below, pegs in await connection.execute(
        _EXPIRED, arguments
    ):
        if group:
            claim = book.group_claims.get(GroupKey(tenant, sku, group))
            if claim is not None:
                claim.soft_expired = units
        elif (position := book.positions.get(StockKey(tenant, sku, location))) is not None:
            position.soft_expired, position.backordered_expired = units, below
        for peg in (peg for line in json.loads(pegs) for peg in line):
            if (line := book.supply.get((tenant, peg["supply_line_id"]))) is not None:
                line.pegged_expired += peg["quantity"]
