"""Opens, updates and clears cases for what a batch changed, in the transaction of the change.

A position costs nothing here unless more is promised than there is, or a case of it is open.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from tandem_core.ids import deterministic_id

from tandem_inventory_availability.domain.conflict_case import (
    ConflictCase,
    ConflictScope,
)
from tandem_inventory_availability.domain.conflict_deficit import Shortage, worst
from tandem_inventory_availability.domain.reservation_line import GroupKey
from tandem_inventory_availability.domain.stock_book import StockBook
from tandem_inventory_availability.domain.stock_position import StockKey

OPENED, UPDATED = "OPENED", "UPDATED"


def suspects(book: StockBook) -> dict[ConflictScope, Shortage]:
    """Scopes that are, or were, short, with what is missing there now."""
    found: dict[ConflictScope, Shortage] = {}
    for key in _shelves(book):
        found[ConflictScope(key.tenant, key.sku, key.location)] = worst(book, key)
    for group in {*book.changed_groups, *(k for k in book.watched if isinstance(k, GroupKey))}:
        claim = book.group_claims.get(group)
        if claim is None:
            continue
        short = worst(book, group)
        if short.units or claim.in_conflict:
            found[ConflictScope(group.tenant, group.sku, group=group.group)] = short
    return found


def _shelves(book: StockBook) -> list[StockKey]:
    """Shelves worth a look: what a quota or supply lacks while the shelf has enough is seen only
    when the shelf is watched, for it must cost nothing on every sale."""
    changed = [
        key
        for key in book.changed
        if book.positions[key].deficit or book.positions[key].in_conflict
    ]
    watched = (key for key in book.watched if isinstance(key, StockKey))
    return [*changed, *(key for key in watched if key in book.positions and key not in changed)]


def watch(
    book: StockBook,
    missing: Mapping[ConflictScope, Shortage],
    known: Iterable[ConflictCase],
) -> None:
    """Writes down what changed, with at most one open case for each scope. ``known`` are the open
    cases of the scopes."""
    cases = {case.scope: case for case in known}
    cases |= {case.scope: case for case in book.cases.values() if case.open}
    for scope, short in missing.items():
        case, deficit = cases.get(scope), short.units
        if case is None and deficit:
            book.case_step(_open(book, scope, short), OPENED)
        elif case is not None and case.deficit != deficit:
            book.case_step(case.with_deficit(deficit, book.now), UPDATED)
        _flag(book, scope, open_case=bool(deficit) or case is not None)


def _open(book: StockBook, scope: ConflictScope, short: Shortage) -> ConflictCase:
    place = scope.place
    stamp = book.now.isoformat()
    if not isinstance(place, GroupKey):
        # The position's own count of changes: two cases of one shelf never share an id.
        stamp = str(book.positions[place].version)
    return ConflictCase(
        id=deterministic_id("conflict", *_names(scope), stamp),
        scope=scope,
        cause=short.cause,
        deficit=short.units,
        deficit_max=short.units,
        opened_at=book.now,
    )


def _names(scope: ConflictScope) -> tuple[str, ...]:
    return scope.tenant, scope.sku, scope.location, scope.group


def _flag(book: StockBook, scope: ConflictScope, *, open_case: bool) -> None:
    place = scope.place
    if isinstance(place, GroupKey):
        if book.group_claims[place].in_conflict != open_case:
            book.change_group(place).in_conflict = open_case
    elif book.positions[place].in_conflict != open_case:
        book.change(place).in_conflict = open_case
