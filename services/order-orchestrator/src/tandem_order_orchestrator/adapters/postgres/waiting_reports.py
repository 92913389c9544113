"""Reports that came before what they rest on: kept, tried again, never lost."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

RETRY_SECONDS_MAX = 60


@dataclass(frozen=True)
class WaitingReport:
    """A report and the name of the order it waits for."""

    tenant: str
    event_id: str
    event_type: str
    order_ref: str
    payload: bytes
    headers: Mapping[str, str]
    reason: str = ""


_KEEP = text("""
    INSERT INTO waiting_report (tenant, event_id, event_type, order_ref, payload, headers, reason,
                                since, attempts, next_at)
    SELECT r.tenant, r.event_id, r.event_type, r.order_ref, p.payload, r.headers, r.reason,
           now(), 0, now()
    FROM ROWS FROM (jsonb_to_recordset(CAST(:rows AS jsonb))
             AS (tenant text, event_id uuid, event_type text, order_ref text, headers jsonb,
                 reason text)) WITH ORDINALITY
         AS r (tenant, event_id, event_type, order_ref, headers, reason, place)
    JOIN unnest(CAST(:payloads AS bytea[])) WITH ORDINALITY AS p (payload, place) USING (place)
    ON CONFLICT (tenant, event_id) DO NOTHING
""")
_TAKE = text("""
    SELECT tenant, event_id::text, event_type, order_ref, payload, headers, reason
    FROM waiting_report WHERE next_at <= now()
    ORDER BY next_at LIMIT :rows FOR UPDATE SKIP LOCKED
""")
_DELETE = text("DELETE FROM waiting_report WHERE event_id = ANY(CAST(:ids AS uuid[]))")
_LATER = text(f"""
    UPDATE waiting_report SET attempts = attempts + 1,
        reason = late.reason,
        next_at = now() + make_interval(
            secs => least({RETRY_SECONDS_MAX}, 0.2 * 2 ^ least(attempts, 16)))
    FROM unnest(CAST(:ids AS uuid[]), CAST(:reasons AS text[])) AS late (id, reason)
    WHERE event_id = late.id
""")
_COUNTS = text("SELECT reason, count(*) FROM waiting_report GROUP BY reason")


async def keep(connection: AsyncConnection, reports: Sequence[WaitingReport]) -> None:
    """Stores reports; one kept before stays as it is."""
    if not reports:
        return
    rows = [
        {
            "tenant": r.tenant,
            "event_id": r.event_id,
            "event_type": r.event_type,
            "order_ref": r.order_ref,
            "headers": dict(r.headers),
            "reason": r.reason,
        }
        for r in reports
    ]
    payloads = [r.payload for r in reports]
    await connection.execute(_KEEP, {"rows": json.dumps(rows), "payloads": payloads})


async def due(connection: AsyncConnection, rows: int) -> list[WaitingReport]:
    """Reports to try again, locked against other replicas."""
    found = await connection.execute(_TAKE, {"rows": rows})
    return [WaitingReport(r[0], r[1], r[2], r[3], bytes(r[4]), r[5], r[6]) for r in found]


async def done(connection: AsyncConnection, event_ids: Sequence[str]) -> None:
    """Removes reports that were applied."""
    await connection.execute(_DELETE, {"ids": list(event_ids)})


async def later(connection: AsyncConnection, reasons: Mapping[str, str]) -> None:
    """Puts reports off, longer each time, up to RETRY_SECONDS_MAX; why, by event id."""
    ids = sorted(reasons)
    await connection.execute(_LATER, {"ids": ids, "reasons": [reasons[i] for i in ids]})


async def counts(connection: AsyncConnection) -> dict[str, int]:
    """How many wait, by reason."""
    return {reason: number for reason, number in await connection.execute(_COUNTS)}
