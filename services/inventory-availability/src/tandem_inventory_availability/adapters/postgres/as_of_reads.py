"""Positions as they were: from the journal, which keeps every version of every position.

Claims come from the same events as the stock, so both are of one moment. A hold that ends by the
clock has no event until it is tidied: such holds are looked up and taken off. One that was tidied
and then confirmed anew after the moment asked for is not recognised any more.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection
from tandem.inventory.v1 import events_pb2
from tandem.inventory.v1.stock_position_pb2 import StockPosition

from tandem_inventory_availability.domain.stock_position import StockKey

_EVENT = """
    SELECT agg_version, payload, occurred_at FROM event_journal
    WHERE tenant = :tenant AND agg_type = 'stock_position' AND agg_id = :id
"""
_AT_TIME = text(f"{_EVENT} AND occurred_at <= :at ORDER BY agg_version DESC LIMIT 1")
_AT_VERSION = text(f"{_EVENT} AND agg_version = :version")
_NEWEST = text(f"{_EVENT} ORDER BY agg_version DESC LIMIT 1")
_ENDED = text("""
    SELECT COALESCE(sum(l.quantity - l.released - l.shipped - COALESCE(l.pegged, 0)), 0)::bigint
    FROM reservation AS r CROSS JOIN LATERAL jsonb_to_recordset(r.lines)
         AS l (sku text, location text, quantity bigint, released bigint, shipped bigint,
               pegged bigint)
    WHERE r.tenant = :tenant AND r.state IN ('HELD', 'EXPIRED') AND r.expires_at > :since
      AND r.expires_at <= :at AND r.created_at <= :since
      AND l.sku = :sku AND l.location = :location
""")


@dataclass(frozen=True)
class PositionState:
    """A position as readers saw it, the version that made it so, and from when on."""

    position: StockPosition
    version: int
    since: datetime


async def at_time(connection: AsyncConnection, key: StockKey, at: datetime) -> PositionState | None:
    """As it was at a moment; None before it was there."""
    row = (await connection.execute(_AT_TIME, {**_names(key), "at": at})).first()
    if row is None:
        return None
    state = _state(row)
    names = {"tenant": key.tenant, "sku": key.sku, "location": key.location}
    spans = {"since": state.since, "at": at}
    ended = (await connection.execute(_ENDED, {**names, **spans})).scalar_one()
    if ended:
        _take_off(state.position, ended)
    return state


async def at_version(
    connection: AsyncConnection, key: StockKey, version: int
) -> PositionState | None:
    """As it was after an event; None when there is no such event."""
    row = (await connection.execute(_AT_VERSION, {**_names(key), "version": version})).first()
    return _state(row) if row else None


async def at_position(
    connection: AsyncConnection, key: StockKey, position: int
) -> PositionState | None:
    """The last state in which a ledger entry was the last; None when nobody could see that.

    Ledger positions never fall from version to version, so the version is found by halving.
    """
    newest = (await connection.execute(_NEWEST, _names(key))).first()
    if newest is None:
        return None
    low, high = 1, int(newest.agg_version)
    found: PositionState | None = None
    while low <= high:
        middle = (low + high) // 2
        state = await at_version(connection, key, middle)
        if state is None or state.position.position > position:
            high = middle - 1
        else:
            found, low = state, middle + 1
    return found if found is not None and found.position.position == position else None


def _names(key: StockKey) -> dict[str, object]:
    return {"tenant": key.tenant, "id": f"{key.sku}|{key.location}"}


def _state(row: Row[tuple[int, bytes, datetime]]) -> PositionState:
    event = events_pb2.StockPositionChanged.FromString(bytes(row.payload))
    return PositionState(event.stock_position, int(row.agg_version), row.occurred_at)


def _take_off(position: StockPosition, ended: int) -> None:
    position.soft_reserved -= ended
    claimed = position.hard_reserved + position.soft_reserved + position.unsettled
    position.available = max(0, position.on_hand - claimed - position.leased)
