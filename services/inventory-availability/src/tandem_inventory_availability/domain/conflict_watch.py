"""Opens, updates and clears cases for what a batch changed, in the transaction of the change.

A position costs nothing here unless more is promised than there is, or a case of it is open.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from tandem_core.ids import deterministic_id

from tandem_inventory_availability.domain.conflict_case import (
    ConflictCase,
    ConflictCause,
    ConflictScope,
)
from tandem_inventory_availability.domain.reservation_line import GroupKey
from tandem_inventory_availability.domain.room import Demand, Floor, Room
from tandem_inventory_availability.domain.stock_book import StockBook

OPENED, UPDATED = "OPENED", "UPDATED"


def suspects(book: StockBook) -> dict[ConflictScope, int]:
    """Scopes that are, or were, short, with the units that are missing there now."""
    found = {
        ConflictScope(key.tenant, key.sku, key.location): book.positions[key].deficit
        for key in book.changed
        if book.positions[key].deficit or book.positions[key].in_conflict
    }
    groups = {*book.changed_groups, *book.watched_groups}
    for key in groups:
        claim = book.group_claims.get(key)
        missing = _missing(book, key) if claim is not None and claim.units else 0
        if claim is not None and (missing or claim.in_conflict):
            found[ConflictScope(key.tenant, key.sku, group=key.group)] = missing
    return found


def _missing(book: StockBook, key: GroupKey) -> int:
    """Unpinned units that cannot be pinned anywhere; what is kept back for safety may serve them.

    A negative shelf of a member is that member's own case, not the group's.
    """
    room = Room(book, Demand(), floor=Floor.ZERO)
    return max(0, -room.unclamped(key))


def watch(
    book: StockBook,
    missing: Mapping[ConflictScope, int],
    known: Iterable[ConflictCase],
) -> None:
    """Writes down what changed, with at most one open case for each scope. ``known`` are the open
    cases of the scopes."""
    cases = {case.scope: case for case in known}
    cases |= {case.scope: case for case in book.cases.values() if case.open}
    for scope, deficit in missing.items():
        case = cases.get(scope)
        if case is None and deficit:
            book.case_step(_open(book, scope, deficit), OPENED)
        elif case is not None and case.deficit != deficit:
            book.case_step(case.with_deficit(deficit, book.now), UPDATED)
        _flag(book, scope, open_case=bool(deficit) or case is not None)


def _open(book: StockBook, scope: ConflictScope, deficit: int) -> ConflictCase:
    place = scope.place
    stamp = book.now.isoformat()
    if not isinstance(place, GroupKey):
        # The position's own count of changes: two cases of one shelf never share an id.
        stamp = str(book.positions[place].version)
    return ConflictCase(
        id=deterministic_id("conflict", *_names(scope), stamp),
        scope=scope,
        cause=ConflictCause.GROUP_SHORT if scope.group else ConflictCause.DEFICIT,
        deficit=deficit,
        deficit_max=deficit,
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
