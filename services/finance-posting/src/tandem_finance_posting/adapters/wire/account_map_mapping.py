"""Account maps between wire and domain."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

from sqlalchemy import RowMapping
from tandem.finance.v1 import account_map_pb2 as wire
from tandem_platform.timestamps import to_time

from tandem_finance_posting.adapters.wire.draft_mapping import day
from tandem_finance_posting.application.account_map_ports import MapVersion
from tandem_finance_posting.domain.account_map import MapEntry
from tandem_finance_posting.domain.errors import UnsupportedEnum
from tandem_finance_posting.domain.export_batch_family import ExportFamily, ExportLevel

_LEVELS = {
    wire.ExportFamily.LEVEL_DETAIL: ExportLevel.DETAIL,
    wire.ExportFamily.LEVEL_SUMMARY: ExportLevel.SUMMARY,
}


def from_entries(entries: Iterable[wire.AccountMapEntry]) -> tuple[MapEntry, ...]:
    """Entries as sent. Raises ValidationFailed naming a day that is none."""
    return tuple(_entry(entry, f"entries[{n}]") for n, entry in enumerate(entries))


def from_families(families: Iterable[wire.ExportFamily]) -> tuple[ExportFamily, ...]:
    """Families as sent. Raises UnsupportedEnum for a level newer than this service."""
    return tuple(_family(family, f"families[{n}]") for n, family in enumerate(families))


def _entry(entry: wire.AccountMapEntry, path: str) -> MapEntry:
    return MapEntry(
        role=entry.role,
        segments=dict(entry.segments),
        legal_entity=entry.legal_entity,
        book=entry.book,
        dimensions=dict(entry.dimensions),
        since=_day(f"{path}.since_date", entry.since_date),
        until=_day(f"{path}.until_date", entry.until_date),
    )


def _day(field: str, value: str) -> date | None:
    return day(field, value) if value else None


def _family(family: wire.ExportFamily, path: str) -> ExportFamily:
    if family.level not in _LEVELS:
        raise UnsupportedEnum(f"{path}.level", family.level)
    return ExportFamily(
        family.name, tuple(family.roles), _LEVELS[family.level], tuple(family.dimensions)
    )


def to_map(version: MapVersion) -> wire.AccountMap:
    """A version with its content."""
    at, decided = version.proposed_at, version.decided_at
    return wire.AccountMap(
        version=version.map.version,
        state=wire.AccountMap.State.Value(f"STATE_{version.state.value}"),
        base_version=version.base_version,
        entries=[to_entry(entry) for entry in version.map.entries],
        families=[to_family(family) for family in version.map.families],
        content_hash=version.content_hash,
        note=version.note,
        propose_subject=version.proposed_by,
        propose_time=to_time(at) if at else None,
        decide_subject=version.decided_by,
        decide_time=to_time(decided) if decided else None,
        decision_note=version.decision_note,
    )


def to_head(row: RowMapping) -> wire.AccountMap:
    """A version without its content."""
    decided = row["decided_at"]
    return wire.AccountMap(
        version=row["version"],
        state=wire.AccountMap.State.Value(f"STATE_{row['state']}"),
        base_version=row["base_version"],
        content_hash=row["content_hash"],
        note=row["note"],
        propose_subject=row["proposed_by"],
        propose_time=to_time(row["proposed_at"]),
        decide_subject=row["decided_by"],
        decide_time=to_time(decided) if decided else None,
        decision_note=row["decision_note"],
    )


def to_entry(entry: MapEntry) -> wire.AccountMapEntry:
    """One entry."""
    return wire.AccountMapEntry(
        role=entry.role,
        legal_entity=entry.legal_entity,
        book=entry.book,
        dimensions=dict(entry.dimensions),
        segments=dict(entry.segments),
        since_date=entry.since.isoformat() if entry.since else "",
        until_date=entry.until.isoformat() if entry.until else "",
    )


def to_family(family: ExportFamily) -> wire.ExportFamily:
    """One family."""
    return wire.ExportFamily(
        name=family.name,
        roles=family.roles,
        level=wire.ExportFamily.Level.Value(f"LEVEL_{family.level.value}"),
        dimensions=family.dimensions,
    )
