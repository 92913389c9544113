"""Versions of the account map as they are kept."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from tandem_finance_posting.domain.account_map import AccountMap
from tandem_finance_posting.domain.export_batch_lines import canonical_hash


class MapState(StrEnum):
    """Where a version is."""

    PROPOSED = "PROPOSED"
    ACTIVE = "ACTIVE"
    RETIRED = "RETIRED"
    REJECTED = "REJECTED"


@dataclass(frozen=True)
class MapVersion:
    """A version with who made it what it is."""

    map: AccountMap
    state: MapState
    base_version: int = 0
    note: str = ""
    proposed_by: str = ""
    proposed_at: datetime | None = None
    decided_by: str = ""
    decided_at: datetime | None = None
    decision_note: str = ""

    @property
    def content_hash(self) -> str:
        """What a checker approves."""
        return content_hash(self.map)


class AccountMapStore(Protocol):
    """Versions of one tenant inside one open transaction."""

    async def lock(self, tenant: str) -> int:
        """The newest version's number; other writers wait until the transaction is over."""
        ...

    async def in_force(self, tenant: str) -> MapVersion:
        """The one in force: the shipped one until a tenant has approved its own."""
        ...

    async def version(self, tenant: str, version: int) -> MapVersion:
        """One of them. Raises NotFound."""
        ...

    async def save(self, tenant: str, version: MapVersion) -> None:
        """Inserts it or writes its state."""
        ...

    def tell_activated(self, tenant: str, version: MapVersion, at: datetime) -> None:
        """Tells other services when the transaction commits."""
        ...


def content_hash(account_map: AccountMap) -> str:
    """SHA-256 of entries and families in their order."""
    entries = [
        [
            *(e.role, e.legal_entity, e.book, *_flat(e.dimensions), "", *_flat(e.segments)),
            *(e.since.isoformat() if e.since else "", e.until.isoformat() if e.until else ""),
        ]
        for e in account_map.entries
    ]
    families = [[f.name, f.level.value, *f.roles, "", *f.dimensions] for f in account_map.families]
    return canonical_hash([*entries, *families])


def _flat(values: Mapping[str, str]) -> list[str]:
    return [text for pair in sorted(values.items()) for text in pair]
