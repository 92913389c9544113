"""PutSources: who may report stock, and whose counts are believed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from tandem_core.errors import FieldViolation, ValidationFailed

from tandem_inventory_availability.application.signal_ports import SourceStore
from tandem_inventory_availability.domain.signal_errors import SourceMoved
from tandem_inventory_availability.domain.signal_source import (
    SignalSource,
    SourceRegistry,
    check_ownership,
    matches,
)


@dataclass(frozen=True)
class PutSources:
    """Sources to create or change. With ``check_versions`` each names the version it replaces."""

    tenant: str
    sources: tuple[SignalSource, ...]
    dry_run: bool = False
    check_versions: bool = False


@dataclass(frozen=True)
class SourceImpact:
    """What a change does to one source and what reports under it."""

    source: SignalSource
    created: bool
    changed: bool
    streams: int
    lost_positions: int


async def put_sources(store: SourceStore, wanted: PutSources) -> list[SourceImpact]:
    """The impact; written unless it is a dry run.

    Raises ValidationFailed, SourceMoved, OwnershipOverlaps.
    """
    _each_once(wanted.sources)
    tenant = wanted.tenant
    registry = await (store.read(tenant) if wanted.dry_run else store.lock(tenant))
    if wanted.check_versions:
        _check_versions(registry, wanted.sources)
    # A database older than the registry has its streams registered one by one; what somebody says
    # of all of them replaces that.
    replaced = [
        old.id
        for old in registry.sources.values()
        if old.migrated and any(s.id != old.id and matches(s.id, old.id) for s in wanted.sources)
    ]
    kept = [source for source in registry.sources.values() if source.id not in replaced]
    check_ownership(kept, wanted.sources)
    next_ones = [_next(registry, source) for source in wanted.sources]
    after = {source.id: source for source in [*kept, *next_ones]}
    impacts = await _impacts(store, tenant, registry, SourceRegistry(after))
    if not wanted.dry_run:
        changed = [i.source for i in impacts if i.changed and i.source.id in _ids(next_ones)]
        await store.put(tenant, changed, replaced)
    return [impact for impact in impacts if impact.source.id in _ids(next_ones)]


def _ids(sources: Sequence[SignalSource]) -> set[str]:
    return {source.id for source in sources}


def _next(registry: SourceRegistry, source: SignalSource) -> SignalSource:
    known = registry.sources.get(source.id)
    if known is None:
        return replace(source, version=1)
    same = known.same_as(source)
    return known if same else replace(source, version=known.version + 1)


async def _impacts(
    store: SourceStore, tenant: str, before: SourceRegistry, after: SourceRegistry
) -> list[SourceImpact]:
    streams = [after.of(name) for name in await store.streams(tenant)]
    lost: dict[str, int] = {}
    for (name, location, state), count in (await store.counted(tenant)).items():
        source = after.of(name)
        if source is not None and not source.owns_state(location, state):
            lost[source.id] = lost.get(source.id, 0) + count
    return [
        SourceImpact(
            source=source,
            created=source.id not in before.sources,
            changed=before.sources.get(source.id) != source,
            streams=sum(found is not None and found.id == source.id for found in streams),
            lost_positions=lost.get(source.id, 0),
        )
        for source in after.sources.values()
    ]


def _each_once(sources: Sequence[SignalSource]) -> None:
    ids = [source.id for source in sources]
    violations = [
        FieldViolation(f"sources[{number}].id", "names an earlier one too", "unique")
        for number, name in enumerate(ids)
        if name in ids[:number]
    ]
    if violations:
        raise ValidationFailed(violations)


def _check_versions(registry: SourceRegistry, sources: Sequence[SignalSource]) -> None:
    for source in sources:
        known = registry.sources.get(source.id)
        actual = known.version if known else 0
        if source.version != actual:
            raise SourceMoved(source.id, source.version, actual)
