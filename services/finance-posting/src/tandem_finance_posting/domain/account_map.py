"""From a role with its dimensions to segments of an account of the ERP.

Entries name what they need of a line: entity, book, dimensions. The most specific one that fits
wins, where more specific means: needs all that the other one needs, and more. That is no order of
all entries, so two that could fit one line side by side are refused when the map is proposed,
unless a third one settles it by needing exactly what both need together.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property
from itertools import combinations

from tandem_finance_posting.domain.errors import AccountMapAmbiguous, AccountMapInvalid
from tandem_finance_posting.domain.export_batch_family import ExportFamily, checked_families

ENTRIES_PER_ROLE_MAX = 500
"""Entries of one role are compared with each other, so their number counts squared."""
ACCOUNT = "account"
FROM_DIMENSION = "$"
ENTITY, BOOK = "legal_entity", "book"
Needs = frozenset[tuple[str, str]]


@dataclass(frozen=True)
class MapEntry:
    """Where lines of a role go. Empty entity and book fit any; ``until`` is the first day it is no
    longer for."""

    role: str
    segments: Mapping[str, str]
    legal_entity: str = ""
    book: str = ""
    dimensions: Mapping[str, str] = field(default_factory=dict)
    since: date | None = None
    until: date | None = None

    @cached_property
    def needs(self) -> Needs:
        """What it asks of a line, as pairs of name and value."""
        places = {ENTITY: self.legal_entity, BOOK: self.book}
        return frozenset((*self.dimensions.items(), *((k, v) for k, v in places.items() if v)))

    def is_for(self, day: date) -> bool:
        """True within its window."""
        return (self.since is None or self.since <= day) and (
            self.until is None or day < self.until
        )


@dataclass(frozen=True)
class Place:
    """What of a line decides its account. ``day`` is the accounting date."""

    legal_entity: str
    book: str
    role: str
    dimensions: Mapping[str, str]
    day: date


@dataclass(frozen=True)
class Account:
    """Segments of an account, and the entry they came from."""

    segments: Mapping[str, str]
    entry: MapEntry


@dataclass(frozen=True)
class Unmapped:
    """No account, and what would help."""

    role: str
    hint: str


@dataclass(frozen=True)
class AccountMap:
    """One version, checked."""

    version: int
    entries: tuple[MapEntry, ...]
    families: tuple[ExportFamily, ...] = ()

    @classmethod
    def checked(
        cls, version: int, entries: Sequence[MapEntry], families: Sequence[ExportFamily]
    ) -> AccountMap:
        """A map that sends each line to one account at most.

        Raises AccountMapInvalid, AccountMapAmbiguous.
        """
        for number, entry in enumerate(entries):
            _check(entry, f"entries[{number}]")
        _check_ambiguity(entries)
        return cls(version, tuple(entries), checked_families(families))

    def account(self, place: Place) -> Account | Unmapped:
        """The account of a line."""
        fitting = self._fitting(place)
        if not fitting:
            return Unmapped(place.role, self._hint(place))
        entry = max(fitting, key=lambda e: len(e.needs))
        segments = {}
        for name, value in entry.segments.items():
            if value.startswith(FROM_DIMENSION):
                found = place.dimensions.get(value.removeprefix(FROM_DIMENSION), "")
                if not found:
                    needed = value.removeprefix(FROM_DIMENSION)
                    return Unmapped(place.role, f"segment {name} needs dimension {needed}")
                value = found
            segments[name] = value
        return Account(segments, entry)

    def family(self, role: str) -> ExportFamily | None:
        """The family of a role; None when it is in none."""
        return self._families.get(role)

    @cached_property
    def _by_role(self) -> Mapping[str, Sequence[MapEntry]]:
        found: dict[str, list[MapEntry]] = {}
        for entry in self.entries:
            found.setdefault(entry.role, []).append(entry)
        return found

    @cached_property
    def _families(self) -> Mapping[str, ExportFamily]:
        return {role: family for family in self.families for role in family.roles}

    def _fitting(self, place: Place) -> list[MapEntry]:
        has = {*place.dimensions.items(), (ENTITY, place.legal_entity), (BOOK, place.book)}
        entries = self._by_role.get(place.role, ())
        return [e for e in entries if e.is_for(place.day) and e.needs <= has]

    def _hint(self, place: Place) -> str:
        entries = self._by_role.get(place.role, ())
        if not entries:
            return f"add an entry for role {place.role}"
        if not any(entry.is_for(place.day) for entry in entries):
            return f"no entry for role {place.role} is for {place.day.isoformat()}"
        where = {ENTITY: place.legal_entity, BOOK: place.book, **place.dimensions}
        return f"no entry for role {place.role} fits {', '.join(_pairs(where))}"


def _pairs(where: Mapping[str, str]) -> Iterator[str]:
    return (f"{name}={value}" for name, value in sorted(where.items()))


def _check(entry: MapEntry, path: str) -> None:
    if not entry.segments.get(ACCOUNT):
        raise AccountMapInvalid(f"{path}.segments", "names no account")
    if entry.since and entry.until and entry.until <= entry.since:
        raise AccountMapInvalid(f"{path}.until_date", "is not after since_date")
    for name in (ENTITY, BOOK):
        if name in entry.dimensions:
            raise AccountMapInvalid(f"{path}.dimensions", f"{name} is a field of its own")
    for name, value in entry.segments.items():
        if value == FROM_DIMENSION:
            raise AccountMapInvalid(f"{path}.segments.{name}", "names no dimension")


def _check_ambiguity(entries: Sequence[MapEntry]) -> None:
    by_role: dict[str, list[tuple[int, MapEntry]]] = {}
    for number, entry in enumerate(entries):
        by_role.setdefault(entry.role, []).append((number, entry))
    for role, numbered in by_role.items():
        if len(numbered) > ENTRIES_PER_ROLE_MAX:
            told = f"role {role} has {len(numbered)} entries, at most {ENTRIES_PER_ROLE_MAX}"
            raise AccountMapInvalid("entries", told)
        by_needs: dict[Needs, list[MapEntry]] = {}
        for _, entry in numbered:
            by_needs.setdefault(entry.needs, []).append(entry)
        for (one, first), (two, second) in combinations(numbered, 2):
            if _could_clash(first, second) and not _settled(first, second, by_needs):
                raise AccountMapAmbiguous(role, f"entries[{one}]", f"entries[{two}]")


def _could_clash(first: MapEntry, second: MapEntry) -> bool:
    """True when one line could fit both and neither is the more specific one."""
    if first.needs < second.needs or second.needs < first.needs:
        return False
    wanted = dict(first.needs)
    if any(wanted.get(name, value) != value for name, value in second.needs):
        return False
    return _overlap(first, second) is not None


def _settled(
    first: MapEntry, second: MapEntry, by_needs: Mapping[Needs, Sequence[MapEntry]]
) -> bool:
    """True when entries that need what both need are for every day on which both are."""
    both, window = first.needs | second.needs, _overlap(first, second)
    if window is None or both in (first.needs, second.needs):
        return False
    since, until = window
    settling = sorted(by_needs.get(both, ()), key=lambda e: e.since or date.min)
    for entry in settling:
        if (entry.since or date.min) > since:
            return False
        if entry.until is None:
            return True
        since = max(since, entry.until)
        if until <= since:
            return True
    return False


def _overlap(first: MapEntry, second: MapEntry) -> tuple[date, date] | None:
    since = max(first.since or date.min, second.since or date.min)
    until = min(first.until or date.max, second.until or date.max)
    return (since, until) if since < until else None
