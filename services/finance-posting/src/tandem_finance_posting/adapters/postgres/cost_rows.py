"""Rows of the cost sub-ledger, locked and written set-based.

Lock order, everywhere: orders (by the caller), goods aside, receipts, pools, the cost lines left
with; each by its key. Two events may be of one order line and of different orders: an exchange.
Rows are inserted before they are locked: a lock on a row that does not exist locks nothing, and two
postings of a new SKU would both start from an empty pool.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from sqlalchemy import RowMapping, TextClause, text
from sqlalchemy.ext.asyncio import AsyncConnection

from tandem_finance_posting.domain.cost_holds import CostHolds, HoldKey
from tandem_finance_posting.domain.cost_ledger import CostLedger, CostNeeds
from tandem_finance_posting.domain.cost_policy import CostCurrency, CostPolicy, SameCurrency
from tandem_finance_posting.domain.cost_pool import CostMethod, CostPool, IssuedCost, Layer
from tandem_finance_posting.domain.cost_state import (
    AsideKey,
    CostState,
    LineKey,
    PoolKey,
    ReceiptKey,
)
from tandem_finance_posting.domain.goods_aside import GoodsAside, Stage
from tandem_finance_posting.domain.goods_receipt import Receipt, ReceiptLine
from tandem_finance_posting.domain.purchase_moves import receipt_pools

Rows = list[dict[str, Any]]

_POOL_KEYS = """
    json_to_recordset(CAST(:rows AS json))
        AS k (tenant text, legal_entity text, area text, sku text)
"""
_POOLS_EXIST = text(f"""
    INSERT INTO cost_pool (tenant, legal_entity, area, sku, quantity, value_minor)
    SELECT tenant, legal_entity, area, sku, 0, 0 FROM {_POOL_KEYS}
    ORDER BY 1, 2, 3, 4 ON CONFLICT DO NOTHING
""")
_POOLS = text(f"""
    SELECT p.* FROM cost_pool p JOIN {_POOL_KEYS} USING (tenant, legal_entity, area, sku)
    ORDER BY tenant, legal_entity, area, sku FOR UPDATE OF p
""")
_SAVE_POOLS = text("""
    UPDATE cost_pool SET quantity = s.quantity, value_minor = s.value, method = s.method,
           layers = s.layers, allowance_minor = s.allowance,
           allowance_quantity = s.allowance_quantity
    FROM json_to_recordset(CAST(:rows AS json))
         AS s (tenant text, legal_entity text, area text, sku text, quantity bigint, value bigint,
               method text, layers jsonb, allowance bigint, allowance_quantity bigint)
    WHERE (cost_pool.tenant, cost_pool.legal_entity, cost_pool.area, cost_pool.sku)
          = (s.tenant, s.legal_entity, s.area, s.sku)
""")
_ASIDE_KEYS = """
    json_to_recordset(CAST(:rows AS json))
        AS k (tenant text, legal_entity text, stage text, ref text, line_ref text)
"""
_ASIDES_EXIST = text(f"""
    INSERT INTO goods_aside (tenant, legal_entity, stage, ref, line_ref, quantity, cost_minor)
    SELECT tenant, legal_entity, stage, ref, line_ref, 0, 0 FROM {_ASIDE_KEYS}
    ORDER BY 1, 2, 3, 4, 5 ON CONFLICT DO NOTHING
""")
_ASIDES = text(f"""
    SELECT a.* FROM goods_aside a
    JOIN {_ASIDE_KEYS} USING (tenant, legal_entity, stage, ref, line_ref)
    ORDER BY tenant, legal_entity, stage, ref, line_ref FOR UPDATE OF a
""")
_SAVE_ASIDES = text("""
    INSERT INTO goods_aside (tenant, legal_entity, stage, ref, line_ref, quantity, cost_minor,
                             gone_quantity)
    SELECT * FROM json_to_recordset(CAST(:rows AS json))
        AS s (tenant text, legal_entity text, stage text, ref text, line_ref text,
              quantity bigint, cost bigint, gone bigint)
    ON CONFLICT (tenant, legal_entity, stage, ref, line_ref) DO UPDATE SET
        quantity = excluded.quantity, cost_minor = excluded.cost_minor,
        gone_quantity = excluded.gone_quantity
""")
_RECEIPT_KEYS = """
    json_to_recordset(CAST(:rows AS json))
        AS k (tenant text, legal_entity text, receipt_ref text)
"""
_RECEIPTS_EXIST = text(f"""
    INSERT INTO goods_receipt (tenant, legal_entity, receipt_ref, lines)
    SELECT tenant, legal_entity, receipt_ref, '[]' FROM {_RECEIPT_KEYS}
    ORDER BY 1, 2, 3 ON CONFLICT DO NOTHING
""")
_RECEIPTS = text(f"""
    SELECT r.* FROM goods_receipt r JOIN {_RECEIPT_KEYS} USING (tenant, legal_entity, receipt_ref)
    ORDER BY tenant, legal_entity, receipt_ref FOR UPDATE OF r
""")
_SAVE_RECEIPTS = text("""
    UPDATE goods_receipt SET lines = s.lines
    FROM json_to_recordset(CAST(:rows AS json))
         AS s (tenant text, legal_entity text, receipt_ref text, lines jsonb)
    WHERE (goods_receipt.tenant, goods_receipt.legal_entity, goods_receipt.receipt_ref)
          = (s.tenant, s.legal_entity, s.receipt_ref)
""")
_LINES = text("""
    SELECT i.* FROM issued_cost i
    JOIN json_to_recordset(CAST(:rows AS json))
         AS k (tenant text, order_id text, line_ref text) USING (tenant, order_id, line_ref)
    ORDER BY tenant, order_id, line_ref FOR UPDATE OF i
""")
_SAVE_LINES = text("""
    INSERT INTO issued_cost (tenant, order_id, line_ref, quantity, cost_minor, returned_quantity,
                             returned_cost_minor)
    SELECT * FROM json_to_recordset(CAST(:rows AS json))
        AS i (tenant text, order_id text, line_ref text, quantity bigint, cost bigint,
              returned_quantity bigint, returned_cost bigint)
    ON CONFLICT (tenant, order_id, line_ref) DO UPDATE SET
        quantity = excluded.quantity, cost_minor = excluded.cost_minor,
        returned_quantity = excluded.returned_quantity,
        returned_cost_minor = excluded.returned_cost_minor
""")
HOLDS_EVENTS_MAX = 20
"""Of one key, the earliest: one is enough to wait for, the others stand in when it goes on in the
same batch. Thousands may wait for a SKU that never comes."""
# Read after the locks: whoever held an event of these keys has committed by then.
_HOLDS = text("""
    SELECT f.key, f.tenant, f.event_key, f.accepted_no
    FROM (
        SELECT k.tenant, k.key, earliest.event_key, earliest.accepted_no
        FROM json_to_recordset(CAST(:rows AS json)) AS k (tenant text, key text[])
        CROSS JOIN LATERAL (
            SELECT e.event_key, e.accepted_no
            FROM cost_hold h JOIN finance_event e USING (tenant, event_key)
            WHERE h.tenant = k.tenant AND h.key = k.key AND e.state = 'HELD'
            ORDER BY e.accepted_no LIMIT :events_max
        ) AS earliest
        UNION
        SELECT h.tenant, h.key, h.event_key, e.accepted_no
        FROM json_to_recordset(CAST(:events AS json)) AS k (tenant text, event_key text)
        JOIN cost_hold h USING (tenant, event_key)
        JOIN finance_event e USING (tenant, event_key)
        WHERE e.state = 'HELD'
    ) AS f
    ORDER BY f.accepted_no
""")
_SAVE_HOLDS = text("""
    INSERT INTO cost_hold (tenant, key, event_key)
    SELECT * FROM json_to_recordset(CAST(:rows AS json))
        AS h (tenant text, key text[], event_key text)
    ON CONFLICT DO NOTHING
""")
_RELEASE_HOLDS = text("""
    DELETE FROM cost_hold USING json_to_recordset(CAST(:rows AS json))
        AS k (tenant text, event_key text)
    WHERE (cost_hold.tenant, cost_hold.event_key) = (k.tenant, k.event_key)
""")


async def load(
    connection: AsyncConnection,
    needs: CostNeeds,
    policy: CostPolicy | None = None,
    currency: CostCurrency | None = None,
) -> CostLedger:
    """The sub-ledger as far as some events touch it, its rows locked until the transaction ends.

    The caller has locked the orders of the events.
    """
    ledger = CostLedger(CostState(policy or CostPolicy(), currency or SameCurrency()))
    state = ledger.state
    # On the way to the customer only their order moves goods, and it is locked: a row for every
    # shipment line, for entities that sell at the ramp, would be written for nothing.
    new = {key for key in needs.asides if key.stage is not Stage.CUSTOMER}
    await _insert(connection, _ASIDES_EXIST, new)
    for row in await _found(connection, _ASIDES, needs.asides):
        state.asides[_aside_key(row)] = GoodsAside(
            row["quantity"], row["cost_minor"], row["gone_quantity"]
        )
    await _insert(connection, _RECEIPTS_EXIST, needs.receipts)
    for row in await _found(connection, _RECEIPTS, needs.receipts):
        lines = {x.pop("sku"): ReceiptLine(**x) for x in row["lines"]}
        state.receipts[ReceiptKey(*_key(row, ReceiptKey))] = Receipt(lines)
    pools = needs.pools | _of_receipts(state)
    await _insert(connection, _POOLS_EXIST, pools)
    for row in await _found(connection, _POOLS, pools):
        state.pools[PoolKey(*_key(row, PoolKey))] = _pool(row)
    for row in await _found(connection, _LINES, needs.lines):
        state.lines[LineKey(*_key(row, LineKey))] = IssuedCost(
            row["quantity"], row["cost_minor"], row["returned_quantity"],
            row["returned_cost_minor"],
        )  # fmt: skip
    await _load_holds(connection, needs, pools, ledger.holds)
    ledger.keep()
    return ledger


def _key(row: RowMapping, kind: Any) -> list[str]:
    return [row[name] for name in kind._fields]


def _aside_key(row: RowMapping) -> AsideKey:
    stage = Stage(row["stage"])
    return AsideKey(row["tenant"], row["legal_entity"], stage, row["ref"], row["line_ref"])


def _of_receipts(state: CostState) -> frozenset[PoolKey]:
    return frozenset(
        pool
        for key, receipt in state.receipts.items()
        for pool in receipt_pools(key.tenant, key.legal_entity, receipt)
    )


def _pool(row: RowMapping) -> CostPool:
    return CostPool(
        quantity=row["quantity"],
        value=row["value_minor"],
        layers=tuple(Layer(*layer) for layer in row["layers"]),
        method=CostMethod(row["method"]),
        allowance=row["allowance_minor"],
        allowance_quantity=row["allowance_quantity"],
    )


async def _insert(
    connection: AsyncConnection, statement: TextClause, keys: Collection[Any]
) -> None:
    if keys:
        await connection.execute(statement, {"rows": _json(keys)})


async def _found(
    connection: AsyncConnection, statement: TextClause, keys: Collection[Any]
) -> Sequence[RowMapping]:
    if not keys:
        return []
    return (await connection.execute(statement, {"rows": _json(keys)})).mappings().all()


def _json(keys: Collection[Any]) -> str:
    return json.dumps([key._asdict() for key in sorted(keys)])


async def _load_holds(
    connection: AsyncConnection, needs: CostNeeds, pools: frozenset[PoolKey], holds: CostHolds
) -> None:
    keys: list[HoldKey] = [("line", *line) for line in needs.lines]
    keys += [("aside", *aside) for aside in needs.asides]
    keys += [("pool", *pool) for pool in pools]
    arguments = {
        "rows": json.dumps([{"tenant": key[1], "key": key} for key in sorted(keys)]),
        "events": json.dumps([{"tenant": t, "event_key": k} for t, k in sorted(needs.events)]),
        "events_max": HOLDS_EVENTS_MAX,
    }
    for key, tenant, event_key, place in await connection.execute(_HOLDS, arguments):
        holds.stored(tuple(key), (tenant, event_key), place)


async def save(connection: AsyncConnection, ledger: CostLedger) -> None:
    """Writes what changed. Held events themselves are written by the caller."""
    pools, asides, receipts, lines = ledger.changed
    state = ledger.state
    writes: list[tuple[TextClause, Rows]] = [
        (_SAVE_ASIDES, _rows(state.asides, asides, vars)),
        (_SAVE_RECEIPTS, _rows(state.receipts, receipts, _receipt_row)),
        (_SAVE_POOLS, _rows(state.pools, pools, _pool_row)),
        (_SAVE_LINES, _rows(state.lines, lines, vars)),
        *_hold_rows(ledger.holds),
    ]
    for statement, rows in writes:
        if rows:
            await connection.execute(statement, {"rows": json.dumps(rows)})


def _rows(
    part: Mapping[Any, Any], keys: set[Any], values: Callable[[Any], Mapping[str, Any]]
) -> Rows:
    # An event that failed after its cost was stamped left keys that are not there again.
    return [{**key._asdict(), **values(part[key])} for key in sorted(keys & part.keys())]


def _receipt_row(receipt: Receipt) -> dict[str, Any]:
    return {"lines": [{"sku": sku, **vars(line)} for sku, line in receipt.lines.items()]}


def _pool_row(pool: CostPool) -> dict[str, Any]:
    return {
        "quantity": pool.quantity,
        "value": pool.value,
        "method": pool.method,
        "layers": [[x.receipt_ref, x.quantity, x.value] for x in pool.layers],
        "allowance": pool.allowance,
        "allowance_quantity": pool.allowance_quantity,
    }


def _hold_rows(holds: CostHolds) -> list[tuple[TextClause, Rows]]:
    changed = sorted(holds.changed)
    held = [
        {"tenant": event[0], "key": key, "event_key": event[1]}
        for event in changed
        if event in holds.places
        for key in holds.keys_of(event)
    ]
    freed = [{"tenant": e[0], "event_key": e[1]} for e in changed if e not in holds.places]
    return [(_SAVE_HOLDS, held), (_RELEASE_HOLDS, freed)]
