"""Ids: UUIDv7 for what is new, UUIDv5 for what must get the same id again."""

import secrets
import threading
import uuid
from typing import Protocol

from tandem_core.clock import Clock, SystemClock

NAMESPACE = uuid.uuid5(uuid.NAMESPACE_DNS, "tandem.dev")

_TAIL_BITS = 74
_TAIL_STEP_BITS = 32


def deterministic_id(*parts: str) -> str:
    """The same parts give the same id, on every machine and in every run.

    Each part is prefixed with its length in bytes: ("ab", "c") and ("a", "bc") must differ.
    """
    name = "".join(f"{len(part.encode())}:{part}" for part in parts)
    return str(uuid.uuid5(NAMESPACE, name))


class IdFactory(Protocol):
    """Makes ids nobody has used before."""

    def new_id(self) -> str:
        """A new id as text."""
        ...


class Uuid7Factory:
    """UUIDv7 (RFC 9562), strictly rising within one factory, also when the clock goes back."""

    def __init__(self, clock: Clock | None = None) -> None:
        self._clock = clock or SystemClock()
        self._lock = threading.Lock()
        self._ms = -1
        self._tail = 0

    def new_id(self) -> str:
        """A new id; later ids of this factory sort after it as text."""
        with self._lock:
            self._step(int(self._clock.now().timestamp() * 1000))
            ms, tail = self._ms, self._tail
        high, low = tail >> 62, tail & ((1 << 62) - 1)
        return str(uuid.UUID(int=ms << 80 | 7 << 76 | high << 64 | 2 << 62 | low))

    def _step(self, now_ms: int) -> None:
        if now_ms > self._ms:
            self._ms, self._tail = now_ms, secrets.randbits(_TAIL_BITS)
            return
        self._tail += 1 + secrets.randbits(_TAIL_STEP_BITS)
        if self._tail >> _TAIL_BITS:
            self._ms, self._tail = self._ms + 1, secrets.randbits(_TAIL_BITS)


class SequentialIds:
    """Readable, repeatable ids for tests: `<prefix>1`, `<prefix>2`, as UUIDv5 of the count."""

    def __init__(self, prefix: str = "test") -> None:
        self._prefix = prefix
        self._count = 0

    def new_id(self) -> str:
        """The next id; two factories with one prefix give the same sequence."""
        self._count += 1
        return deterministic_id(self._prefix, str(self._count))
