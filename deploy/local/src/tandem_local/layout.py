"""Where the local suite keeps things, and on which ports it listens."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

from tandem_testing.child_process import free_port

SERVICES = (
    "inventory-availability",
    "order-orchestrator",
    "finance-posting",
    "reconciliation",
    "connectors",
    "gateway",
)
"""In the order they are started; they would come up in any other too."""


@dataclass(frozen=True)
class Ports:
    """One port each. With ``PORT_BASE`` they follow each other from it; else any free ones."""

    http: int
    postgres: int
    nats: int
    payments: int
    grpc: dict[str, int]
    erp: int = 0


def choose_ports() -> Ports:
    """Ports from ``PORT_BASE``, or free ones."""
    base = os.environ.get("PORT_BASE", "")
    count = 5 + len(SERVICES)
    numbers = [int(base) + n for n in range(count)] if base else [free_port() for _ in range(count)]
    http, postgres, nats, payments, *grpc, erp = numbers
    by_service = dict(zip(SERVICES, grpc, strict=True))
    return Ports(http, postgres, nats, payments, by_service, erp)


@dataclass(frozen=True)
class Layout:
    """Folders and files of one local suite."""

    data: Path

    @property
    def logs(self) -> Path:
        """One log per process."""
        return self.data / "logs"

    @property
    def secrets(self) -> Path:
        """Keys made for this suite alone."""
        return self.data / "secrets"

    @property
    def running(self) -> Path:
        """What runs where, for the other commands."""
        return self.data / "running.json"

    @property
    def api_key(self) -> Path:
        """Key of the first API client."""
        return self.secrets / "api-key"

    @property
    def trusted_keys(self) -> Path:
        """Public keys by issuer."""
        return self.secrets / "trusted-keys.json"

    def signing_key(self, issuer: str) -> Path:
        """Private key of a service or of the operator."""
        return self.secrets / f"{issuer}.pem"

    def secret(self, name: str) -> Path:
        """A connection's secret."""
        return self.secrets / name

    @property
    def connections(self) -> Path:
        """Configured connections."""
        return self.data / "connections.yaml"


@dataclass(frozen=True)
class Running:
    """A running suite, as written for the other commands."""

    pid: int
    ports: Ports

    def write(self, layout: Layout) -> None:
        """Leaves the note."""
        layout.running.write_text(json.dumps(asdict(self), indent=1))

    @classmethod
    def read(cls, layout: Layout) -> Running:
        """The note. Raises SystemExit with what to do when there is none."""
        if not layout.running.exists():
            raise SystemExit(f"no suite runs on {layout.data}; start one with: make run")
        found = json.loads(layout.running.read_text())
        return cls(found["pid"], Ports(**found["ports"]))

    @property
    def rest(self) -> str:
        """Base address of the REST door."""
        return f"http://127.0.0.1:{self.ports.http}"
