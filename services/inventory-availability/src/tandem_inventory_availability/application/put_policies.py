"""PutPolicies: replaces schedules of the configuration, or tells what that would do."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from tandem_inventory_availability.domain.policy_checks import check_names, check_shape, sku_of
from tandem_inventory_availability.domain.policy_entries import (
    EntryKey,
    PolicyEntry,
    PolicyKind,
    PolicySources,
)
from tandem_inventory_availability.domain.policy_errors import GroupClaimed, PolicyVersionMoved
from tandem_inventory_availability.domain.stock_policy import StockPolicy


@dataclass(frozen=True)
class PolicyPut:
    """A change by ``actor``. Without ``expected_version`` (0) any version is changed."""

    tenant: str
    actor: str
    entries: tuple[PolicyEntry, ...]
    removed: tuple[EntryKey, ...]
    expected_version: int = 0


class PolicyStore(Protocol):
    """The configuration in one open transaction; the caller commits."""

    async def claim_version(self, tenant: str) -> int:
        """The version of this change; other changes wait until it is over."""
        ...

    async def sources(self, tenant: str) -> PolicySources:
        """All of it, as it is in force."""
        ...

    async def unknown_skus(self, tenant: str, skus: Collection[str]) -> set[str]:
        """Those of the SKUs that are not in the catalogue."""
        ...

    async def claimed_group(self, tenant: str, groups: Sequence[str]) -> tuple[str, str] | None:
        """A group of these with unpinned units, and one of their SKUs."""
        ...

    async def save(self, change: PolicyPut, version: int, now: datetime) -> None:
        """Writes the new schedules beside the old ones."""
        ...


async def put_policies(store: PolicyStore, change: PolicyPut, now: datetime) -> int:
    """The version after the change.

    Raises ValidationFailed, PolicyWindowsOverlap, PolicyVersionMoved, LocationUnknown,
    GroupUnknown, SkuUnknown, GroupClaimed.
    """
    check_shape(change.entries, change.removed)
    version = await store.claim_version(change.tenant)
    before = await store.sources(change.tenant)
    await _checked(store, change, before, version - 1)
    await store.save(change, version, now)
    return version


async def weigh_policies(store: PolicyStore, change: PolicyPut) -> tuple[StockPolicy, StockPolicy]:
    """The policy before and after the change; nothing is written. Raises as `put_policies`."""
    check_shape(change.entries, change.removed)
    before = await store.sources(change.tenant)
    after = await _checked(store, change, before, before.version)
    return before.compiled(), after.compiled()


async def _checked(
    store: PolicyStore, change: PolicyPut, before: PolicySources, version: int
) -> PolicySources:
    if change.expected_version and change.expected_version != version:
        raise PolicyVersionMoved(change.expected_version, version)
    after = before.put(change.entries, change.removed)
    skus = {sku for entry in change.entries if (sku := sku_of(entry))}
    check_names(change.entries, after, await store.unknown_skus(change.tenant, skus))
    gone = [entry_id for kind, entry_id in change.removed if kind is PolicyKind.GROUP]
    if (claimed := await store.claimed_group(change.tenant, gone)) is not None:
        raise GroupClaimed(*claimed)
    return after
