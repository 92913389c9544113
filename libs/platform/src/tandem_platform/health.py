"""Health of a service by gRPC health name: ``""`` and each service, and ``deps.<name>``.

A dependency that is down does not make the service NOT_SERVING: all replicas share it, and taking
all of them out of balancing would turn a slow database into an outage.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from grpc_health.v1 import health_pb2
from grpc_health.v1._async import HealthServicer

DEPENDENCY_PREFIX = "deps."
SERVING = health_pb2.HealthCheckResponse.SERVING
NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING


@dataclass(frozen=True)
class DependencyState:
    """Whether a dependency answered last, and why not, for people."""

    reachable: bool
    detail: str = ""


class Health:
    """What the health service answers; `dependencies` also feeds the operations service."""

    def __init__(self) -> None:
        self.servicer = HealthServicer()
        self.dependencies: dict[str, DependencyState] = {}
        self.serving = False
        self._services: tuple[str, ...] = ("",)

    async def start(self, services: Sequence[str]) -> None:
        """Says SERVING for the process and each of its services."""
        self._services = ("", *services)
        await self._set_all(SERVING)
        self.serving = True

    async def stop(self) -> None:
        """Says NOT_SERVING for good; calls in flight go on."""
        self.serving = False
        await self._set_all(NOT_SERVING)

    async def set_dependency(self, name: str, reachable: bool, detail: str = "") -> None:
        """Reports a dependency under ``deps.<name>``."""
        self.dependencies[name] = DependencyState(reachable, "" if reachable else detail)
        await self.servicer.set(f"{DEPENDENCY_PREFIX}{name}", SERVING if reachable else NOT_SERVING)

    async def _set_all(self, state: health_pb2.HealthCheckResponse.ServingStatus) -> None:
        for service in self._services:
            await self.servicer.set(service, state)
