"""Proposes a new account map: checked now, so that approving it can surprise nobody."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from tandem_core.errors import VersionMismatch

from tandem_finance_posting.application.account_map_ports import (
    AccountMapStore,
    MapState,
    MapVersion,
)
from tandem_finance_posting.domain.account_map import AccountMap, MapEntry
from tandem_finance_posting.domain.export_batch_family import ExportFamily


@dataclass(frozen=True)
class ProposeAccountMap:
    """A whole map in place of version ``base_version``."""

    tenant: str
    subject: str
    entries: tuple[MapEntry, ...]
    families: tuple[ExportFamily, ...]
    base_version: int
    note: str

    async def carry_out(self, store: AccountMapStore, now: datetime) -> MapVersion:
        """Raises AccountMapInvalid, AccountMapAmbiguous, VersionMismatch."""
        AccountMap.checked(0, self.entries, self.families)
        newest = await store.lock(self.tenant)
        current = (await store.in_force(self.tenant)).map.version
        if current != self.base_version:
            raise VersionMismatch(self.base_version, current)
        proposed = MapVersion(
            map=AccountMap(newest + 1, self.entries, self.families),
            state=MapState.PROPOSED,
            base_version=self.base_version,
            note=self.note,
            proposed_by=self.subject,
            proposed_at=now,
        )
        await store.save(self.tenant, proposed)
        return proposed
