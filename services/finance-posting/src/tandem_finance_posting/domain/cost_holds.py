"""Which events wait, and what may not overtake them.

An event waits behind earlier held ones of its SKU, order line or goods aside; never behind later
ones, or two could wait for each other.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from tandem_finance_posting.domain.overlay import Overlay

HoldKey = tuple[str, ...]
"""What is waited for: its kind ("pool", "line", "aside"), tenant and names."""
EventId = tuple[str, str]
"""Tenant and event key."""
NEW = 2**62
"""Place of the first event held just now: behind everything stored."""


@dataclass
class CostHolds:
    """Held events by what they hold up; ``places`` rise in order of acceptance."""

    by_key: Overlay[HoldKey, tuple[EventId, ...]] = field(default_factory=Overlay)
    places: Overlay[EventId, int] = field(default_factory=Overlay)
    changed: set[EventId] = field(default_factory=set)
    """Events whose holds are to be written or removed."""

    def stored(self, key: HoldKey, event: EventId, place: int) -> None:
        """A hold as it is stored; for the repository only."""
        self.places[event] = place
        self.by_key[key] = (*self.by_key.get(key, ()), event)

    def note(self, event: EventId, keys: Iterable[HoldKey]) -> None:
        """The event waits and holds up these."""
        self.changed.add(event)
        if event not in self.places:
            self.places[event] = NEW + len(self.changed)
        for key in keys:
            waiting = self.by_key.get(key, ())
            if event not in waiting:
                self.by_key[key] = (*waiting, event)

    def release(self, event: EventId) -> None:
        """The event waits no more."""
        if event not in self.places:
            return
        self.changed.add(event)
        del self.places[event]
        for key, waiting in list(self.by_key.items()):
            if event in waiting:
                self.by_key[key] = tuple(x for x in waiting if x != event)

    def blocked(self, key: HoldKey, event: EventId) -> bool:
        """True when an earlier event holds this up."""
        mine = self.places.get(event, 2 * NEW)
        return any(
            other != event and self.places[other] < mine for other in self.by_key.get(key, ())
        )

    def keys_of(self, event: EventId) -> list[HoldKey]:
        """What the event holds up."""
        return sorted(key for key, waiting in self.by_key.items() if event in waiting)

    def keep(self) -> None:
        """Makes the changes lasting."""
        self.by_key.keep()
        self.places.keep()

    def drop(self) -> None:
        """Undoes the changes since the last ``keep``."""
        self.by_key.drop()
        self.places.drop()
