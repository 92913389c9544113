"""Refuses a proposed account map; it stays on record."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from tandem_finance_posting.application.account_map_ports import (
    AccountMapStore,
    MapState,
    MapVersion,
)
from tandem_finance_posting.domain.errors import AccountMapNotProposed


@dataclass(frozen=True)
class RejectAccountMap:
    """A maker may take a proposal back this way: that puts nothing into force."""

    tenant: str
    subject: str
    version: int
    note: str

    async def carry_out(self, store: AccountMapStore, now: datetime) -> MapVersion:
        """Raises NotFound, AccountMapNotProposed."""
        await store.lock(self.tenant)
        proposed = await store.version(self.tenant, self.version)
        if proposed.state is not MapState.PROPOSED:
            raise AccountMapNotProposed(self.version, proposed.state)
        rejected = replace(
            proposed, state=MapState.REJECTED, decided_by=self.subject, decided_at=now,
            decision_note=self.note,
        )  # fmt: skip
        await store.save(self.tenant, rejected)
        return rejected
