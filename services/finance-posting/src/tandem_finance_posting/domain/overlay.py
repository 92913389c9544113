"""Changes over a mapping that can be kept or thrown away, without copying the mapping.

A batch judges thousands of events on one state, each of them all or nothing: a copy of the state
for each event would cost more than the event.
"""

from __future__ import annotations

from collections.abc import Iterator, MutableMapping
from typing import Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")


class Overlay(MutableMapping[K, V], Generic[K, V]):
    """A mapping whose changes since the last ``keep`` can be undone with ``drop``."""

    def __init__(self, kept: dict[K, V] | None = None) -> None:
        self._kept: dict[K, V] = kept if kept is not None else {}
        self._before: dict[K, V | None] = {}

    def __getitem__(self, key: K) -> V:
        return self._kept[key]

    def __setitem__(self, key: K, value: V) -> None:
        if key not in self._before:
            self._before[key] = self._kept.get(key)
        self._kept[key] = value

    def __delitem__(self, key: K) -> None:
        if key not in self._before:
            self._before[key] = self._kept.get(key)
        del self._kept[key]

    def __iter__(self) -> Iterator[K]:
        return iter(self._kept)

    def __len__(self) -> int:
        return len(self._kept)

    def keep(self) -> None:
        """Makes the changes lasting."""
        self._before.clear()

    def drop(self) -> None:
        """Undoes the changes since the last ``keep``. Values are never None."""
        for key, value in self._before.items():
            if value is None:
                self._kept.pop(key, None)
            else:
                self._kept[key] = value
        self._before.clear()
