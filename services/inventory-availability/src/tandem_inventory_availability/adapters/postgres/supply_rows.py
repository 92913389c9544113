"""Rows of supply lines. They change only under the lock of their position."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection

from tandem_inventory_availability.adapters.postgres.stock_rows import KEYS, key_columns
from tandem_inventory_availability.domain.errors import StockBusy
from tandem_inventory_availability.domain.reservation_line import GroupKey, Place
from tandem_inventory_availability.domain.stock_book import StockBook
from tandem_inventory_availability.domain.stock_position import StockKey
from tandem_inventory_availability.domain.supply_line import SupplyKind, SupplyLine, SupplyState

SupplyId = tuple[str, str]
"""Tenant and id of a supply line."""

COLUMNS = """tenant, id, sku, location, kind, open, eta, confidence, promiseable, pegged, received,
             state, source_location, external_ref, overdue_at, version"""
_IDS = "unnest(CAST(:tenants AS text[]), CAST(:ids AS text[]))"
_BY_ID = text(f"SELECT {COLUMNS} FROM supply_line WHERE (tenant, id) IN (SELECT * FROM {_IDS})")
_OF_POSITIONS = text(f"""
    SELECT {COLUMNS} FROM supply_line
    WHERE state = 'OPEN' AND (tenant, sku, location) IN (SELECT * FROM {KEYS})
""")
# Pegs of reservations that ended stay in their documents; those wait for nothing.
_WAITING = text(f"""
    SELECT r.tenant, r.id::text, l.sku, COALESCE(l.location, ''), COALESCE(l."group", '')
    FROM {_IDS} AS s (tenant, id)
    JOIN reservation AS r ON r.tenant = s.tenant
        AND jsonb_path_exists(r.lines, '$[*].pegs[*]')
        AND r.lines @> jsonb_build_array(jsonb_build_object('pegs',
            jsonb_build_array(jsonb_build_object('supply_line_id', s.id))))
        AND r.state IN ('HELD', 'CONFIRMED')
    CROSS JOIN LATERAL jsonb_to_recordset(r.lines)
        AS l (sku text, location text, "group" text, pegs jsonb)
    WHERE l.pegs @> jsonb_build_array(jsonb_build_object('supply_line_id', s.id))
""")
_SAVE = text("""
    INSERT INTO supply_line (tenant, id, sku, location, kind, open, eta, confidence, promiseable,
        pegged, received, state, source_location, external_ref, overdue_at, version, updated_at)
    SELECT n.*, :now FROM jsonb_to_recordset(CAST(:rows AS jsonb))
        AS n (tenant text, id text, sku text, location text, kind text, open bigint,
              eta timestamptz, confidence integer, promiseable boolean, pegged bigint,
              received bigint, state text, source_location text, external_ref text,
              overdue_at timestamptz, version bigint)
    ON CONFLICT (tenant, id) DO UPDATE SET open = excluded.open, eta = excluded.eta,
        confidence = excluded.confidence, promiseable = excluded.promiseable,
        pegged = excluded.pegged, received = excluded.received, state = excluded.state,
        external_ref = excluded.external_ref, overdue_at = excluded.overdue_at,
        version = excluded.version, updated_at = excluded.updated_at
""")
_OF_SKUS = text(f"""
    SELECT {COLUMNS} FROM supply_line
    WHERE tenant = :tenant AND state = 'OPEN' AND sku = ANY(:skus)
    ORDER BY eta, id
""")


def to_supply_line(row: Sequence[Any]) -> SupplyLine:
    """The line of a row of COLUMNS."""
    return SupplyLine(
        id=row[1],
        key=StockKey(row[0], row[2], row[3]),
        kind=SupplyKind(row[4]),
        open=row[5],
        eta=row[6],
        confidence=row[7],
        promiseable=row[8],
        pegged=row[9],
        received=row[10],
        state=SupplyState(row[11]),
        source_location=row[12],
        external_ref=row[13],
        overdue_at=row[14],
        version=row[15],
    )


async def places(connection: AsyncConnection, ids: Collection[SupplyId]) -> set[Place]:
    """What a step on supply lines changes: their positions, and what waits for them.

    Read without locks, to learn what to lock; `check_places` compares once it is locked.
    """
    if not ids:
        return set()
    found: set[Place] = set()
    for row in await connection.execute(_BY_ID, _id_columns(ids)):
        line = to_supply_line(row)
        found.add(line.key)
        if line.source_location:
            found.add(StockKey(line.key.tenant, line.key.sku, line.source_location))
    for row in await connection.execute(_WAITING, _id_columns(ids)):
        found.add(_place(row))
    return found


async def load(connection: AsyncConnection, book: StockBook, ids: Collection[SupplyId]) -> None:
    """Takes the open supply of all locked positions into the book, and the lines named."""
    rows: list[Row[Any]] = []
    if book.positions:
        rows += (await connection.execute(_OF_POSITIONS, key_columns(book.positions))).all()
    if ids:
        rows += (await connection.execute(_BY_ID, _id_columns(ids))).all()
    for row in rows:
        line = to_supply_line(row)
        if line.key in book.positions:
            line.judged(book.policy(line.key.tenant), book.now)
            book.supply[line.key.tenant, line.id] = line


async def waiting(
    connection: AsyncConnection, book: StockBook, ids: Collection[SupplyId]
) -> set[tuple[str, str]]:
    """Reservations that wait for supply lines, whose positions are locked.

    Raises StockBusy when one began to wait before the lock for a place that is not in the book.
    """
    if not ids:
        return set()
    found = set()
    for row in await connection.execute(_WAITING, _id_columns(ids)):
        place = _place(row)
        known = book.group_claims if isinstance(place, GroupKey) else book.positions
        if place not in known:
            raise StockBusy("supply")
        found.add((row[0], row[1]))
    return found


async def save(connection: AsyncConnection, book: StockBook) -> None:
    """Writes changed lines."""
    if not book.changed_supply:
        return
    rows = json.dumps([_document(book.supply[key]) for key in sorted(book.changed_supply)])
    await connection.execute(_SAVE, {"rows": rows, "now": book.now})


async def open_lines(
    connection: AsyncConnection, tenant: str, skus: Collection[str]
) -> list[SupplyLine]:
    """Open lines of SKUs everywhere, the earliest first; read without locks."""
    found = await connection.execute(_OF_SKUS, {"tenant": tenant, "skus": list(skus)})
    return [to_supply_line(row) for row in found]


def _place(row: Sequence[Any]) -> Place:
    if row[4]:
        return GroupKey(row[0], row[2], row[4])
    return StockKey(row[0], row[2], row[3])


def _id_columns(ids: Collection[SupplyId]) -> dict[str, object]:
    ordered = sorted(set(ids))
    return {"tenants": [key[0] for key in ordered], "ids": [key[1] for key in ordered]}


def _document(line: SupplyLine) -> dict[str, object]:
    return {
        "tenant": line.key.tenant,
        "id": line.id,
        "sku": line.key.sku,
        "location": line.key.location,
        "kind": line.kind.value,
        "open": line.open,
        "eta": line.eta.isoformat(),
        "confidence": line.confidence,
        "promiseable": line.promiseable,
        "pegged": line.pegged,
        "received": line.received,
        "state": line.state.value,
        "source_location": line.source_location,
        "external_ref": line.external_ref,
        "overdue_at": line.overdue_at.isoformat() if line.overdue_at else None,
        "version": line.version,
    }
