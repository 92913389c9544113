"""Rows of conflict cases, written in the transaction that made or changed them."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from tandem_inventory_availability.adapters.postgres import (
    allocation_rows,
    expired_holds,
    lease_rows,
    supply_rows,
)
from tandem_inventory_availability.domain.conflict_case import (
    ConflictCase,
    ConflictCause,
    ConflictScope,
    ConflictState,
    Resolution,
    ResolutionKind,
    Victim,
)
from tandem_inventory_availability.domain.conflict_watch import suspects, watch
from tandem_inventory_availability.domain.reservation_line import Place
from tandem_inventory_availability.domain.stock_book import StockBook
from tandem_inventory_availability.domain.stock_position import StockKey

COLUMNS = """tenant, id::text, sku, location, group_id, state, deficit, break_at, content::text,
             clear_since, opened_at, closed_at, version"""
_IDS = "SELECT * FROM unnest(CAST(:tenants AS text[]), CAST(:ids AS uuid[]))"
_PLACES = text(f"""
    SELECT tenant, sku, location, group_id FROM conflict_case WHERE (tenant, id) IN ({_IDS})
""")
_LOCK = text(f"""
    SELECT {COLUMNS} FROM conflict_case WHERE (tenant, id) IN ({_IDS})
    ORDER BY tenant COLLATE "C", id FOR UPDATE
""")
_OPEN = text(f"""
    SELECT {COLUMNS} FROM conflict_case WHERE open AND (tenant, sku, location, group_id) IN (
        SELECT * FROM unnest(CAST(:tenants AS text[]), CAST(:skus AS text[]),
                             CAST(:locations AS text[]), CAST(:groups AS text[])))
    ORDER BY tenant COLLATE "C", id FOR UPDATE
""")
# Closed ones first: the open one of a scope is unique at every moment of the statement's rows.
_SAVE = text("""
    INSERT INTO conflict_case (tenant, id, sku, location, group_id, state, open, deficit, break_at,
                               channels, content, clear_since, opened_at, closed_at, version)
    SELECT tenant, id, sku, location, group_id, state, open, deficit, break_at,
           ARRAY(SELECT jsonb_array_elements_text(channels)), content, clear_since, opened_at,
           closed_at, version
    FROM jsonb_to_recordset(CAST(:rows AS jsonb))
         AS n (tenant text, id uuid, sku text, location text, group_id text, state text,
               open boolean, deficit bigint, break_at timestamptz, channels jsonb, content jsonb,
               clear_since timestamptz, opened_at timestamptz, closed_at timestamptz,
               version bigint)
    ORDER BY open
    ON CONFLICT (tenant, id) DO UPDATE SET state = excluded.state, open = excluded.open,
        deficit = excluded.deficit, break_at = excluded.break_at, channels = excluded.channels,
        content = excluded.content, clear_since = excluded.clear_since,
        closed_at = excluded.closed_at, version = excluded.version
""")


async def note(connection: AsyncConnection, book: StockBook) -> None:
    """Opens, updates and clears cases for what the batch changed; costs no statement as long as
    there is as much as is promised."""
    shelves = [
        book.positions[key] for key in (*book.changed, *book.watched) if key in book.positions
    ]
    if any(shelf.leased for shelf in shelves) and suspects(book):
        # A lease that is over and not tidied yet is no promise any more.
        await lease_rows.load(connection, book, ())
    missing = suspects(book)
    if not missing:
        return
    in_hand = {case.id for case in book.cases.values()}
    known = [case for case in await _open_of(connection, missing) if case.id not in in_hand]
    watch(book, missing, known)


async def complete(connection: AsyncConnection, book: StockBook) -> None:
    """Takes plans and supply of short shelves into a book that was opened without them: signals
    need none of it, but what they change may be missing for other causes too."""
    keys = [place for scope in suspects(book) if isinstance(place := scope.place, StockKey)]
    if not keys:
        return
    part = StockBook(book.now, policies=book.policies)
    part.positions = {key: replace(book.positions[key]) for key in keys}
    await supply_rows.load(connection, part, ())
    for tenant in sorted({key.tenant for key in keys}):
        skus = sorted({key.sku for key in keys if key.tenant == tenant})
        for plan in await allocation_rows.of_skus(connection, tenant, skus):
            part.plans[plan.key] = plan
    await expired_holds.load(connection, part)
    book.supply |= part.supply
    book.plans |= part.plans


async def _open_of(
    connection: AsyncConnection, scopes: Collection[ConflictScope]
) -> list[ConflictCase]:
    ordered = sorted(scopes)
    columns = {
        "tenants": [scope.tenant for scope in ordered],
        "skus": [scope.sku for scope in ordered],
        "locations": [scope.location for scope in ordered],
        "groups": [scope.group for scope in ordered],
    }
    return [to_case(row) for row in await connection.execute(_OPEN, columns)]


async def places(connection: AsyncConnection, ids: Collection[tuple[str, str]]) -> set[Place]:
    """Where cases are; a case never moves."""
    if not ids:
        return set()
    rows = await connection.execute(_PLACES, _columns(ids))
    return {ConflictScope(*row).place for row in rows}


async def load(
    connection: AsyncConnection, book: StockBook, ids: Collection[tuple[str, str]]
) -> None:
    """Takes cases into the book, locked."""
    if not ids:
        return
    for row in await connection.execute(_LOCK, _columns(ids)):
        case = to_case(row)
        book.cases[case.scope.tenant, case.id] = case


async def save(connection: AsyncConnection, book: StockBook) -> None:
    """Writes the cases that changed."""
    if not book.case_steps:
        return
    latest = {step.case.id: step.case for step in book.case_steps}
    await connection.execute(_SAVE, {"rows": json.dumps([_row(c) for c in latest.values()])})


def _columns(ids: Collection[tuple[str, str]]) -> dict[str, object]:
    ordered = sorted(ids)
    return {"tenants": [key[0] for key in ordered], "ids": [key[1] for key in ordered]}


def to_case(row: Sequence[Any]) -> ConflictCase:
    """The case of a row."""
    content = json.loads(row[8])
    return ConflictCase(
        id=row[1],
        scope=ConflictScope(row[0], row[2], row[3], row[4]),
        state=ConflictState(row[5]),
        deficit=row[6],
        break_at=row[7],
        clear_since=row[9],
        opened_at=row[10],
        closed_at=row[11],
        version=row[12],
        cause=ConflictCause(content["cause"]),
        deficit_max=content["deficit_max"],
        seen_deficit=content["seen_deficit"],
        assignee=content["assignee"],
        count_asked_at=_moment(content.get("count_asked_at")),
        agreed=tuple((item[0], item[1]) for item in content["agreed"]),
        victims=tuple(_victim(item) for item in content["victims"]),
        resolutions=tuple(
            Resolution(**{**item, "kind": ResolutionKind(item["kind"])})
            for item in content["resolutions"]
        ),
    )


def _victim(item: Mapping[str, Any]) -> Victim:
    return Victim(**{**item, "need_by": _moment(item["need_by"])})


def _moment(written: str | None) -> datetime | None:
    return datetime.fromisoformat(written) if written else None


def _row(case: ConflictCase) -> dict[str, object]:
    return {
        "tenant": case.scope.tenant,
        "id": case.id,
        "sku": case.scope.sku,
        "location": case.scope.location,
        "group_id": case.scope.group,
        "state": case.state.value,
        "open": case.open,
        "deficit": case.deficit,
        "break_at": _time(case.break_at),
        "channels": case.channels,
        "content": {
            "cause": case.cause.value,
            "deficit_max": case.deficit_max,
            "seen_deficit": case.seen_deficit,
            "assignee": case.assignee,
            "count_asked_at": _time(case.count_asked_at),
            "agreed": case.agreed,
            "victims": [{**vars(v), "need_by": _time(v.need_by)} for v in case.victims],
            "resolutions": [vars(step) for step in case.resolutions],
        },
        "clear_since": _time(case.clear_since),
        "opened_at": _time(case.opened_at),
        "closed_at": _time(case.closed_at),
        "version": case.version,
    }


def _time(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None
