"""Step 5: each rate class has its own places, so a storm of queries cannot starve writes.

A call that would wait longer than it has time is refused at once with a time to come back,
instead of being worked on after its caller has gone.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping

from google.protobuf.message import Message
from tandem_core.errors import DomainError

from tandem_platform import metrics, request_context
from tandem_platform.interceptors.rpc_chain import Proceed, RpcCall
from tandem_platform.settings import ServiceSettings

SMOOTHING = 0.05
RETRY_AFTER_S_MIN = 0.1
STREAM = "STREAM"


class Overloaded(DomainError):
    """Too many calls of this class are in flight."""

    reason = "OVERLOADED"

    def __init__(self, rate_class: str, retry_after_s: float) -> None:
        super().__init__()
        self.rate_class = rate_class
        self.retry_after_s = retry_after_s

    def metadata(self) -> dict[str, str]:
        """The class only; when to come back travels as RetryInfo."""
        return {"rate_class": self.rate_class}


class RateClassGate:
    """The places of one class: at most ``in_flight_max`` calls run, ``queue_calls_max`` wait."""

    def __init__(self, rate_class: str, in_flight_max: int, queue_calls_max: int) -> None:
        self._rate_class = rate_class
        self._in_flight_max = in_flight_max
        self._queue_calls_max = queue_calls_max
        self._places = asyncio.Semaphore(in_flight_max)
        self._waiting = 0
        self._service_s = 0.0

    async def enter(self) -> None:
        """Takes a place. Raises Overloaded when none will be free in time."""
        if not self._places.locked():
            await self._places.acquire()
            return
        wait_s = (self._waiting + 1) / self._in_flight_max * self._service_s
        if self._waiting >= self._queue_calls_max or self._too_late(wait_s):
            metrics.add("tandem_rpc_refused_total", rate_class=self._rate_class)
            raise Overloaded(self._rate_class, max(RETRY_AFTER_S_MIN, wait_s))
        self._waiting += 1
        try:
            await self._places.acquire()
        finally:
            self._waiting -= 1

    def leave(self, took_s: float) -> None:
        """Frees the place and learns how long a call takes."""
        self._service_s += SMOOTHING * (took_s - self._service_s)
        self._places.release()

    def _too_late(self, wait_s: float) -> bool:
        deadline = request_context.current_deadline()
        return deadline is not None and deadline.remaining_s() < wait_s + self._service_s


class AdmissionStep:
    """Lets calls in by rate class."""

    def __init__(self, gates: Mapping[str, RateClassGate]) -> None:
        self._gates = gates

    async def __call__(self, call: RpcCall, proceed: Proceed) -> Message:
        """Raises Overloaded when the class is full."""
        # A stream keeps its place for as long as it lasts: it must not take one of the short calls.
        gate = self._gates[STREAM if call.method.streams else call.method.rate_class]
        await gate.enter()
        started = time.perf_counter()
        try:
            return await proceed(call)
        finally:
            gate.leave(time.perf_counter() - started)


def gates_of(settings: ServiceSettings) -> dict[str, RateClassGate]:
    """One gate per rate class of the contracts; an undeclared class shares the admins' few."""
    queue = settings.admission_queue_calls_max
    limits = {
        "QUERY": settings.in_flight_query_max,
        "COMMAND": settings.in_flight_command_max,
        "BULK": settings.in_flight_bulk_max,
        "ADMIN": settings.in_flight_admin_max,
        STREAM: settings.in_flight_stream_max,
    }
    gates = {name: RateClassGate(name, limit, queue) for name, limit in limits.items()}
    return gates | {"UNSPECIFIED": gates["ADMIN"]}
