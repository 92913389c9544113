"""Rows of reservations, shipment evidence and booked lines."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from tandem_inventory_availability.adapters.postgres.reservation_lines import (
    from_documents,
    to_document,
)
from tandem_inventory_availability.adapters.postgres.stock_rows import key_columns
from tandem_inventory_availability.domain.policy_rules import FulfilmentMode
from tandem_inventory_availability.domain.reservation import (
    OwnerKey,
    Reservation,
    ReservationState,
)
from tandem_inventory_availability.domain.shipment_evidence import (
    EvidenceKey,
    ShipmentClaim,
    ShipmentEvidence,
)
from tandem_inventory_availability.domain.stock_book import BookedLine
from tandem_inventory_availability.domain.stock_position import StockKey

# Two reservations of one owner at once would not see each other. Taken in one order, before the
# positions, until the transaction ends; seed 1 keeps the keys apart from those of request ids.
_LOCK_OWNERS = text("""
    SELECT pg_advisory_xact_lock(hash) FROM (
        SELECT DISTINCT hashtextextended(tenant || chr(31) || type || chr(31) || id, 1) AS hash
        FROM unnest(CAST(:tenants AS text[]), CAST(:types AS text[]), CAST(:ids AS text[]))
             AS owner (tenant, type, id) ORDER BY 1) AS keys
""")
COLUMNS = """tenant, id::text, owner_type, owner_id, channel, state, expires_at, version,
              lines::text, created_at, extensions, fulfilment_mode, checkout_step"""
_OF_OWNERS = text(f"""
    SELECT {COLUMNS} FROM reservation
    WHERE state IN ('HELD', 'CONFIRMED') AND (tenant, owner_type, owner_id) IN (
        SELECT * FROM unnest(CAST(:tenants AS text[]), CAST(:types AS text[]),
                             CAST(:ids AS text[])))
""")
_BY_ID = f"""
    SELECT {COLUMNS} FROM reservation WHERE (tenant, id) IN (
        SELECT * FROM unnest(CAST(:tenants AS text[]), CAST(:ids AS uuid[])))
"""
_SEEN = text(_BY_ID)
_LOCKED = text(f"{_BY_ID} ORDER BY tenant, id FOR UPDATE")
# One JSON document instead of ten arrays: psycopg quotes arrays element by element in Python, and
# this is the widest statement of the hot path.
_SAVE = text("""
    INSERT INTO reservation (tenant, id, owner_type, owner_id, channel, state, expires_at, version,
                             lines, created_at, extensions, fulfilment_mode, checkout_step)
    SELECT tenant, id, owner_type, owner_id, channel, state, expires_at, version, lines, created_at,
           extensions, fulfilment_mode, checkout_step
    FROM jsonb_to_recordset(CAST(:rows AS jsonb))
         AS n (tenant text, id uuid, owner_type text, owner_id text, channel text, state text,
               expires_at timestamptz, version bigint, lines jsonb, created_at timestamptz,
               extensions integer, fulfilment_mode text, checkout_step text)
    ON CONFLICT (tenant, id) DO UPDATE SET state = excluded.state,
        owner_type = excluded.owner_type, owner_id = excluded.owner_id,
        expires_at = excluded.expires_at, version = excluded.version, lines = excluded.lines,
        extensions = excluded.extensions
""")
_EVIDENCE = text("""
    SELECT tenant, reference, sku, location, evidenced, claims::text FROM shipment_evidence
    WHERE (tenant, reference) IN (
        SELECT * FROM unnest(CAST(:tenants AS text[]), CAST(:references AS text[])))
""")
_SAVE_EVIDENCE = text("""
    INSERT INTO shipment_evidence (tenant, sku, location, reference, evidenced, claims)
    SELECT tenant, sku, location, reference, evidenced, CAST(claims AS jsonb)
    FROM unnest(CAST(:tenants AS text[]), CAST(:skus AS text[]), CAST(:locations AS text[]),
                CAST(:references AS text[]), CAST(:evidenced AS bigint[]),
                CAST(:claims AS text[]))
         AS n (tenant, sku, location, reference, evidenced, claims)
    ON CONFLICT (tenant, reference, sku, location) DO UPDATE SET
        evidenced = excluded.evidenced, claims = excluded.claims
""")
_BOOKED = text("""
    SELECT tenant, kind, reference, line_id FROM booked_line
    WHERE (tenant, kind, reference, line_id) IN (
        SELECT * FROM unnest(CAST(:tenants AS text[]), CAST(:kinds AS text[]),
                             CAST(:references AS text[]), CAST(:lines AS text[])))
""")
_SAVE_BOOKED = text("""
    INSERT INTO booked_line (tenant, kind, reference, line_id)
    SELECT * FROM unnest(CAST(:tenants AS text[]), CAST(:kinds AS text[]),
                         CAST(:references AS text[]), CAST(:lines AS text[]))
""")


async def lock_owners(
    connection: AsyncConnection, owners: Collection[OwnerKey]
) -> list[Reservation]:
    """What owners hold; nobody else reserves for them until the transaction ends."""
    keys = sorted(set(owners))
    if not keys:
        return []
    columns = {
        "tenants": [key.tenant for key in keys],
        "types": [key.type for key in keys],
        "ids": [key.id for key in keys],
    }
    await connection.execute(_LOCK_OWNERS, columns)
    return [to_reservation(row) for row in await connection.execute(_OF_OWNERS, columns)]


async def reservations(
    connection: AsyncConnection, wanted: Collection[tuple[str, str]], *, lock: bool
) -> list[Reservation]:
    """Reservations by tenant and id; locked ones are read after their positions were."""
    keys = sorted(set(wanted))
    if not keys:
        return []
    columns = {"tenants": [key[0] for key in keys], "ids": [key[1] for key in keys]}
    rows = await connection.execute(_LOCKED if lock else _SEEN, columns)
    return [to_reservation(row) for row in rows]


def to_reservation(row: Sequence[Any]) -> Reservation:
    """The reservation of a row."""
    return Reservation(
        id=row[1],
        owner=OwnerKey(row[0], row[2], row[3]),
        channel=row[4],
        state=ReservationState(row[5]),
        expires_at=row[6],
        version=row[7],
        lines=from_documents(row[8]),
        created_at=row[9],
        extensions=row[10],
        mode=FulfilmentMode(row[11]) if row[11] else None,
        step=row[12],
    )


async def save_reservations(connection: AsyncConnection, changed: Collection[Reservation]) -> None:
    """Writes reservations as they now stand."""
    if not changed:
        return
    rows = json.dumps([_row(reservation) for reservation in changed])
    await connection.execute(_SAVE, {"rows": rows})


def _row(reservation: Reservation) -> dict[str, object]:
    ends = reservation.expires_at
    return {
        "tenant": reservation.owner.tenant,
        "id": reservation.id,
        "owner_type": reservation.owner.type,
        "owner_id": reservation.owner.id,
        "channel": reservation.channel,
        "state": reservation.state.value,
        "expires_at": ends.isoformat() if ends else None,
        "version": reservation.version,
        "lines": [to_document(line) for line in reservation.lines],
        "created_at": reservation.created_at.isoformat(),
        "extensions": reservation.extensions,
        "fulfilment_mode": reservation.mode or "",
        "checkout_step": reservation.step,
    }


async def evidence(
    connection: AsyncConnection, shipments: Collection[tuple[str, str]]
) -> list[ShipmentEvidence]:
    """Evidence of shipments; their positions are locked, which keeps it still."""
    keys = sorted(set(shipments))
    if not keys:
        return []
    columns = {"tenants": [key[0] for key in keys], "references": [key[1] for key in keys]}
    return [
        ShipmentEvidence(
            EvidenceKey(row[1], StockKey(row[0], row[2], row[3])),
            row[4],
            [ShipmentClaim(**claim) for claim in json.loads(row[5])],
        )
        for row in await connection.execute(_EVIDENCE, columns)
    ]


async def save_evidence(connection: AsyncConnection, changed: Collection[ShipmentEvidence]) -> None:
    """Writes evidence."""
    if not changed:
        return
    columns = {
        **key_columns([e.key.stock for e in changed]),
        "references": [e.key.reference for e in changed],
        "evidenced": [e.evidenced for e in changed],
        "claims": [json.dumps([vars(claim) for claim in e.claims]) for e in changed],
    }
    await connection.execute(_SAVE_EVIDENCE, columns)


async def booked(connection: AsyncConnection, lines: Collection[BookedLine]) -> set[BookedLine]:
    """Which lines moved stock before; their positions are locked, so none is added meanwhile."""
    if not lines:
        return set()
    rows = await connection.execute(_BOOKED, _booked_columns(lines))
    return {BookedLine(*row) for row in rows}


async def save_booked(connection: AsyncConnection, lines: Collection[BookedLine]) -> None:
    """Remembers lines that moved stock."""
    if lines:
        await connection.execute(_SAVE_BOOKED, _booked_columns(lines))


def _booked_columns(lines: Collection[BookedLine]) -> dict[str, object]:
    return {
        "tenants": [line.tenant for line in lines],
        "kinds": [line.kind for line in lines],
        "references": [line.reference for line in lines],
        "lines": [line.line_id for line in lines],
    }
