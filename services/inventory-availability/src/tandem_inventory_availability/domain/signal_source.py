"""Who may report stock, in which order its reports count, and whose counts are believed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum

from tandem_inventory_availability.domain.signal_errors import OwnershipOverlaps
from tandem_inventory_availability.domain.stock_position import Bucket

ANY = "*"
FUTURE_SKEW_DEFAULT = timedelta(seconds=300)
FRESHNESS_DEFAULT = timedelta(days=1)


class SourceKind(StrEnum):
    """What a source is."""

    UNSPECIFIED = "UNSPECIFIED"
    WMS = "WMS"
    POS = "POS"
    ERP = "ERP"
    OMS = "OMS"
    CHANNEL = "CHANNEL"


class Sequencing(StrEnum):
    """How the reports of a source are ordered."""

    SEQ = "SEQ"
    VERSION = "VERSION"
    TIME = "TIME"
    NONE = "NONE"


class InstantRule(StrEnum):
    """What a count says of a movement that cannot be put before or after it."""

    INCLUDED = "INCLUDED"
    EXCLUDED = "EXCLUDED"
    AMBIGUOUS = "AMBIGUOUS"


@dataclass(frozen=True)
class Ownership:
    """States at a location, at all whose id begins as told (``STORE-*``), or at all (``*``).

    Without states all of them.
    """

    location: str
    states: frozenset[Bucket] = frozenset()

    def covers(self, location: str, state: Bucket) -> bool:
        """True when it speaks of the state at the location."""
        return matches(self.location, location) and (not self.states or state in self.states)

    def overlaps(self, other: Ownership) -> bool:
        """True when some state at some location belongs to both."""
        mine, theirs = self.location, other.location
        place = matches(mine, theirs.rstrip(ANY)) or matches(theirs, mine.rstrip(ANY))
        return place and (not self.states or not other.states or bool(self.states & other.states))


@dataclass(frozen=True)
class SignalSource:
    """A registered source; ``id`` is a stream, or ``<connection>/*`` for all of a connection.

    ``migrated`` sources are those of databases older than the registry: they own what they counted,
    overlaps included, until somebody says better.
    """

    id: str
    kind: SourceKind = SourceKind.UNSPECIFIED
    sequencing: Sequencing = Sequencing.SEQ
    lateness_horizon: timedelta | None = None
    future_skew_max: timedelta = FUTURE_SKEW_DEFAULT
    freshness_slo: timedelta = FRESHNESS_DEFAULT
    includes_picked: bool = False
    includes_allocated: bool = False
    instant_rule: InstantRule = InstantRule.AMBIGUOUS
    owns: tuple[Ownership, ...] = ()
    lenient: bool = False
    migrated: bool = False
    version: int = 0

    def owns_state(self, location: str, state: Bucket) -> bool:
        """True when its counts of the state at the location are believed."""
        return any(owned.covers(location, state) for owned in self.owns)

    def same_as(self, other: SignalSource) -> bool:
        """True when nothing but the version differs."""
        return {**vars(self), "version": 0} == {**vars(other), "version": 0}


@dataclass(frozen=True)
class SourceRegistry:
    """Sources of one tenant by id. The exact id wins, then the longest pattern."""

    sources: Mapping[str, SignalSource] = field(default_factory=dict)
    version: int = 0

    def of(self, stream: str) -> SignalSource | None:
        """The source a stream reports under."""
        if (exact := self.sources.get(stream)) is not None:
            return exact
        prefix = stream
        while "/" in prefix:
            prefix = prefix.rpartition("/")[0]
            if (found := self.sources.get(f"{prefix}/{ANY}")) is not None:
                return found
        return self.sources.get(ANY)


def matches(pattern: str, name: str) -> bool:
    """True for the name itself, a beginning of it with ``*`` at its end, and ``*``."""
    return name.startswith(pattern[:-1]) if pattern.endswith(ANY) else pattern == name


def check_ownership(sources: Iterable[SignalSource], changed: Sequence[SignalSource]) -> None:
    """Raises OwnershipOverlaps when one of the changed sources owns what another one owns."""
    everyone = {source.id: source for source in sources}
    everyone |= {source.id: source for source in changed}
    for number, source in enumerate(changed):
        for place, owned in enumerate(source.owns):
            for other in everyone.values():
                if other.id != source.id and any(owned.overlaps(o) for o in other.owns):
                    field_name = f"sources[{number}].owns[{place}]"
                    raise OwnershipOverlaps(source.id, other.id, owned.location, field_name)
