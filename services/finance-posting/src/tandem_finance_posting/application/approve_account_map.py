"""Puts a proposed account map into force; a second person does it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from tandem_core.errors import VersionMismatch

from tandem_finance_posting.application.account_map_ports import (
    AccountMapStore,
    MapState,
    MapVersion,
)
from tandem_finance_posting.domain.approval import check_second_person
from tandem_finance_posting.domain.errors import AccountMapNotProposed


@dataclass(frozen=True)
class ApproveAccountMap:
    """``content_hash`` is that of what the checker read."""

    tenant: str
    subject: str
    version: int
    content_hash: str
    note: str

    async def carry_out(self, store: AccountMapStore, now: datetime) -> MapVersion:
        """Raises NotFound, AccountMapNotProposed, SelfApproval, VersionMismatch."""
        await store.lock(self.tenant)
        proposed = await store.version(self.tenant, self.version)
        if proposed.state is not MapState.PROPOSED:
            raise AccountMapNotProposed(self.version, proposed.state)
        if proposed.content_hash != self.content_hash:
            raise AccountMapNotProposed(self.version, "OTHER_CONTENT")
        what = f"account map {self.version}"
        check_second_person(what, (proposed.proposed_by,), self.subject)
        current = await store.in_force(self.tenant)
        if current.map.version != proposed.base_version:
            raise VersionMismatch(proposed.base_version, current.map.version)
        if current.map.version:
            await store.save(self.tenant, replace(current, state=MapState.RETIRED))
        active = replace(
            proposed, state=MapState.ACTIVE, decided_by=self.subject, decided_at=now,
            decision_note=self.note,
        )  # fmt: skip
        await store.save(self.tenant, active)
        store.tell_activated(self.tenant, active, now)
        return active
