"""Rows of leases and of what devices reported, touched under the lock of their position."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from tandem_inventory_availability.adapters.postgres.stock_rows import KEYS, key_columns
from tandem_inventory_availability.application.ports import Needs
from tandem_inventory_availability.domain.allocation_plan import Pot
from tandem_inventory_availability.domain.quota_lease import (
    DeviceKey,
    LeaseReport,
    LeaseState,
    QuotaLease,
)
from tandem_inventory_availability.domain.reservation_line import Draw
from tandem_inventory_availability.domain.stock_book import StockBook
from tandem_inventory_availability.domain.stock_position import StockKey

_COLUMNS = """tenant, id::text, channel, device, sku, location, quantity, used, state, expires_at,
              ends_at, draws::text, version, created_at"""
_IDS = "SELECT * FROM unnest(CAST(:tenants AS text[]), CAST(:ids AS uuid[]))"
_PLACES = text(f"SELECT tenant, sku, location FROM quota_lease WHERE (tenant, id) IN ({_IDS})")
_NAMED = text(f"SELECT {_COLUMNS} FROM quota_lease WHERE (tenant, id) IN ({_IDS})")
_OF_DEVICES = text(f"""
    SELECT {_COLUMNS} FROM quota_lease WHERE state = 'LIVE'
      AND (tenant, sku, location, channel, device) IN (
          SELECT * FROM unnest(CAST(:tenants AS text[]), CAST(:skus AS text[]),
                               CAST(:locations AS text[]), CAST(:channels AS text[]),
                               CAST(:devices AS text[])))
""")
# What is over counts no more, whether or not anybody tidied it.
_OVER = text(f"""
    SELECT {_COLUMNS} FROM quota_lease WHERE state = 'LIVE' AND ends_at <= :now
      AND (tenant, sku, location) IN (SELECT * FROM {KEYS})
""")
_REPORTS = text(f"""
    SELECT tenant, lease_id::text, report, quantity, breached FROM lease_report
    WHERE (tenant, lease_id) IN ({_IDS}) AND report = ANY(:reports)
""")
_SAVE = text("""
    INSERT INTO quota_lease (tenant, id, channel, device, sku, location, quantity, used, state,
                             expires_at, ends_at, draws, version, created_at)
    SELECT tenant, id, channel, device, sku, location, quantity, used, state, expires_at, ends_at,
           draws, version, created_at
    FROM jsonb_to_recordset(CAST(:rows AS jsonb))
         AS n (tenant text, id uuid, channel text, device text, sku text, location text,
               quantity bigint, used bigint, state text, expires_at timestamptz,
               ends_at timestamptz, draws jsonb, version bigint, created_at timestamptz)
    ON CONFLICT (tenant, id) DO UPDATE SET quantity = excluded.quantity, used = excluded.used,
        state = excluded.state, expires_at = excluded.expires_at, ends_at = excluded.ends_at,
        draws = excluded.draws, version = excluded.version
""")
_SAVE_REPORTS = text("""
    INSERT INTO lease_report (tenant, lease_id, report, quantity, breached)
    SELECT * FROM jsonb_to_recordset(CAST(:rows AS jsonb))
         AS n (tenant text, lease_id uuid, report text, quantity bigint, breached bigint)
""")
_PAGE = text(f"""
    SELECT {_COLUMNS} FROM quota_lease WHERE tenant = :tenant
      AND (:channel = '' OR channel = :channel) AND (:device = '' OR device = :device)
      AND (:sku = '' OR sku = :sku)
      AND (CAST(:before AS uuid) IS NULL OR id < CAST(:before AS uuid))
    ORDER BY id DESC LIMIT :rows
""")
_ENDED = text("""
    SELECT tenant, id::text FROM quota_lease
    WHERE state = 'LIVE' AND ends_at <= :now ORDER BY ends_at LIMIT :rows
""")


async def places(connection: AsyncConnection, wanted: Collection[tuple[str, str]]) -> set[StockKey]:
    """Positions of leases by tenant and id; a lease never moves."""
    if not wanted:
        return set()
    return {StockKey(*row) for row in await connection.execute(_PLACES, _id_columns(wanted))}


async def load(connection: AsyncConnection, book: StockBook, needs: Sequence[Needs]) -> None:
    """Takes leases into the book: those named, those of the devices that ask, and what of all of
    them is over. Most batches touch no leased position."""
    named = {key for need in needs for key in need.leases}
    devices = [device for need in needs for device in need.devices]
    leased = [key for key, position in book.positions.items() if position.leased]
    if named:
        await _keep(connection, book, _NAMED, _id_columns(named))
    if devices:
        await _keep(connection, book, _OF_DEVICES, _device_columns(devices))
    if leased:
        await _load_over(connection, book, leased)
    reports = sorted({report for need in needs for report in need.reports})
    if reports:
        arguments = {**_id_columns(named), "reports": reports}
        for row in await connection.execute(_REPORTS, arguments):
            known = LeaseReport(row[1], row[2], row[3], row[4])
            book.lease_reports[row[0], row[1], row[2]] = known


async def _keep(
    connection: AsyncConnection, book: StockBook, query: Any, columns: dict[str, object]
) -> None:
    for row in await connection.execute(query, columns):
        lease = to_lease(row)
        book.leases[lease.key] = lease


async def _load_over(
    connection: AsyncConnection, book: StockBook, leased: Sequence[StockKey]
) -> None:
    columns = {**key_columns(leased), "now": book.now}
    for key in leased:
        book.positions[key].leased_expired = 0
    for row in await connection.execute(_OVER, columns):
        lease = to_lease(row)
        book.leases[lease.key] = lease
        book.positions[lease.holder.stock].leased_expired += lease.held
        plan = book.plan_of(lease.holder.stock) if lease.draws else None
        if plan is None:
            continue
        expired = dict(plan.expired)
        for item in lease.draws:
            pot = Pot(lease.holder.channel, item.quota_id)
            expired[pot] = expired.get(pot, 0) + item.quantity
        book.plans[plan.key] = replace(plan, expired=expired)


async def save(connection: AsyncConnection, book: StockBook) -> None:
    """Writes leases that changed and new reports."""
    if book.lease_steps:
        latest = {step.lease.key: step.lease for step in book.lease_steps}
        rows = json.dumps([_row(lease) for lease in latest.values()])
        await connection.execute(_SAVE, {"rows": rows})
    if book.new_lease_reports:
        reports = [{"tenant": tenant, **vars(told)} for tenant, told in book.new_lease_reports]
        await connection.execute(_SAVE_REPORTS, {"rows": json.dumps(reports)})


async def page(
    connection: AsyncConnection,
    tenant: str,
    filters: tuple[str, str, str],
    before: str | None,
    rows: int,
) -> list[QuotaLease]:
    """Leases of a channel, device and SKU (each may be empty), newest first."""
    arguments = {
        "tenant": tenant,
        "channel": filters[0],
        "device": filters[1],
        "sku": filters[2],
        "before": before,
        "rows": rows,
    }
    return [to_lease(row) for row in await connection.execute(_PAGE, arguments)]


async def ended(connection: AsyncConnection, now: datetime, rows: int) -> list[tuple[str, str]]:
    """Tenant and id of leases that are over and not tidied yet."""
    found = await connection.execute(_ENDED, {"now": now, "rows": rows})
    return [(row[0], row[1]) for row in found]


def to_lease(row: Sequence[Any]) -> QuotaLease:
    """The lease of a row."""
    return QuotaLease(
        id=row[1],
        holder=DeviceKey(StockKey(row[0], row[4], row[5]), row[2], row[3]),
        quantity=row[6],
        used=row[7],
        state=LeaseState(row[8]),
        expires_at=row[9],
        ends_at=row[10],
        draws=tuple(Draw(**item) for item in json.loads(row[11])),
        version=row[12],
        created_at=row[13],
    )


def _row(lease: QuotaLease) -> dict[str, object]:
    return {
        "tenant": lease.tenant,
        "id": lease.id,
        "channel": lease.holder.channel,
        "device": lease.holder.device,
        "sku": lease.holder.stock.sku,
        "location": lease.holder.stock.location,
        "quantity": lease.quantity,
        "used": lease.used,
        "state": lease.state.value,
        "expires_at": lease.expires_at.isoformat(),
        "ends_at": lease.ends_at.isoformat(),
        "draws": [vars(item) for item in lease.draws],
        "version": lease.version,
        "created_at": lease.created_at.isoformat(),
    }


def _id_columns(wanted: Collection[tuple[str, str]]) -> dict[str, object]:
    keys = sorted(wanted)
    return {"tenants": [key[0] for key in keys], "ids": [key[1] for key in keys]}


def _device_columns(devices: Sequence[DeviceKey]) -> dict[str, object]:
    return {
        **key_columns([device.stock for device in devices]),
        "channels": [device.channel for device in devices],
        "devices": [device.device for device in devices],
    }
