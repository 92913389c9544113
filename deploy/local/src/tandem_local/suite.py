"""The whole suite on one machine: starts, watches, restarts and stops its processes.

Postgres and NATS are embedded unless ``DATABASE_URL`` or ``NATS_URL`` name real ones. A process
that dies is started again, with a pause that grows; services themselves lose and double nothing.
"""

from __future__ import annotations

import os
import subprocess
import threading
import time
from collections.abc import Mapping
from urllib.parse import urlsplit, urlunsplit

import httpx
from tandem_testing import child_process
from tandem_testing.embedded_nats import EmbeddedNats
from tandem_testing.embedded_postgres import EmbeddedPostgres

from tandem_local import service_processes
from tandem_local.demo_connections import write_connections
from tandem_local.layout import SERVICES, Layout, Ports, Running, choose_ports
from tandem_local.secrets_of_suite import PAYMENTS_KEY, ensure_secrets
from tandem_local.service_processes import Surroundings

START_SECONDS_MAX = 120.0
STOP_SECONDS_MAX = 25.0
WATCH_SECONDS = 0.2
RESTART_SECONDS_MIN, RESTART_SECONDS_MAX = 0.2, 10.0
STEADY_SECONDS = 30.0
"""A process that lived this long starts again without a pause."""
PROVIDER, ERP = "payment-provider", "erp"
OUTSIDE = (PROVIDER, ERP)
"""Systems of others, simulated."""


class Suite:
    """All processes of one suite. Start, watch and stop from one thread (children die with it)."""

    def __init__(
        self,
        layout: Layout,
        ports: Ports | None = None,
        *,
        extra: Mapping[str, Mapping[str, str]] | None = None,
        durable: bool = True,
    ) -> None:
        self.layout = layout
        self.ports = ports or choose_ports()
        self.extra: dict[str, dict[str, str]] = {k: dict(v) for k, v in (extra or {}).items()}
        self.postgres: EmbeddedPostgres | None = None
        self.nats: EmbeddedNats | None = None
        self._durable = durable
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self._started_at: dict[str, float] = {}
        self._pauses: dict[str, float] = {}
        self._due: dict[str, float] = {}
        self._around: Surroundings | None = None
        self.restarts: list[str] = []

    @property
    def rest(self) -> str:
        """Base address of the REST door."""
        return f"http://127.0.0.1:{self.ports.http}"

    @property
    def api_key(self) -> str:
        """Key of the first API client."""
        return self.layout.api_key.read_text().strip()

    @property
    def provider(self) -> str:
        """Base address of the simulated payment provider."""
        return f"http://127.0.0.1:{self.ports.payments}"

    @property
    def erp(self) -> str:
        """Base address of the simulated ERP."""
        return f"http://127.0.0.1:{self.ports.erp}"

    def start(self) -> None:
        """Starts everything and returns when every service is ready."""
        self.layout.data.mkdir(parents=True, exist_ok=True)
        ensure_secrets(self.layout)
        write_connections(self.layout, self.provider)
        self._around = Surroundings(
            self.layout, self.ports, self._databases(), self._broker(), self.extra
        )
        for name in (*OUTSIDE, *SERVICES):
            self.launch(name)
        Running(os.getpid(), self.ports).write(self.layout)
        self.wait_ready()

    def _databases(self) -> dict[str, str]:
        """A database and role per service, on the embedded server or below ``DATABASE_URL``."""
        names = {s: "tandem_" + s.replace("-", "_") for s in service_processes.DATABASES}
        given = os.environ.get("DATABASE_URL", "")
        if given:
            return {service: _with_database(given, name) for service, name in names.items()}
        self.postgres = EmbeddedPostgres(
            self.layout.data / "postgres", self.ports.postgres, durable=self._durable
        )
        self.postgres.start()
        return {s: self.postgres.ensure_database(name) for s, name in names.items()}

    def _broker(self) -> str:
        given = os.environ.get("NATS_URL", "")
        if given:
            return given
        self.nats = EmbeddedNats(self.layout.data / "nats", self.ports.nats)
        self.nats.start()
        return self.nats.url

    def launch(self, name: str) -> None:
        """Starts one process."""
        assert self._around is not None, "start the suite first"
        if name == PROVIDER:
            key_file = str(self.layout.secret(PAYMENTS_KEY))
            process = service_processes.start_payment_provider(self._around, key_file)
        elif name == ERP:
            process = service_processes.start_erp(self._around)
        else:
            process = service_processes.start_service(name, self._around)
        self._processes[name] = process
        self._started_at[name] = time.monotonic()

    def wait_ready(self) -> None:
        """Returns when every process takes calls. Raises ServerNotStarted naming the one that
        does not."""
        give_up_at = time.monotonic() + START_SECONDS_MAX
        for name in (*OUTSIDE, *SERVICES):
            while not self._ready(name):
                self.check()
                if time.monotonic() > give_up_at:
                    log = self.layout.logs / f"{name}.log"
                    raise child_process.ServerNotStarted(f"{name} is not ready; see {log}")
                time.sleep(0.05)

    def _ready(self, name: str) -> bool:
        if name == PROVIDER:
            return _answers(f"{self.provider}/health")
        if name == ERP:
            return _answers(f"{self.erp}/health")
        if name == "gateway":
            return _answers(f"{self.rest}/readyz")
        return child_process.accepts_connections(self.ports.grpc[name])

    def pid(self, name: str) -> int:
        """Process id of a service."""
        return self._processes[name].pid

    def kill(self, name: str) -> None:
        """Kill -9; the watch starts it again."""
        self._processes[name].kill()
        self._processes[name].wait()

    def check(self) -> None:
        """Starts again what has died, after its pause."""
        now = time.monotonic()
        for server in (self.postgres, self.nats):
            if server is not None and not server.running:
                self.restarts.append(type(server).__name__)
                server.start()
        for name, process in self._processes.items():
            if process.poll() is None:
                continue
            if name not in self._due:
                self._due[name] = now + self._pause(name, now)
            elif now >= self._due[name]:
                del self._due[name]
                self.restarts.append(name)
                self.launch(name)
                return

    def _pause(self, name: str, now: float) -> float:
        lived = now - self._started_at[name]
        before = self._pauses.get(name, RESTART_SECONDS_MIN)
        pause = RESTART_SECONDS_MIN if lived > STEADY_SECONDS else before
        self._pauses[name] = min(RESTART_SECONDS_MAX, pause * 2)
        return pause

    def watch(self, until: threading.Event) -> None:
        """Keeps everything running until the event is set."""
        while not until.wait(WATCH_SECONDS):
            self.check()

    def stop(self) -> None:
        """Stops doors first, stores last; each in its own order."""
        for name in reversed((*OUTSIDE, *SERVICES)):
            if name in self._processes:
                self._processes[name].terminate()
        give_up_at = time.monotonic() + STOP_SECONDS_MAX
        for process in self._processes.values():
            try:
                process.wait(max(0.1, give_up_at - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        for server in (self.nats, self.postgres):
            if server is not None:
                server.stop()
        self.layout.running.unlink(missing_ok=True)


def _answers(url: str) -> bool:
    try:
        return httpx.get(url, timeout=1.0).status_code == 200
    except httpx.HTTPError:
        return False


def _with_database(url: str, name: str) -> str:
    """The server of ``url`` with another database; made there when it is missing."""
    import psycopg
    from psycopg import sql

    parts = urlsplit(url.replace("postgresql+psycopg://", "postgresql://", 1))
    with psycopg.connect(urlunsplit(parts), autocommit=True) as connection:
        found = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", (name,))
        if found.fetchone() is None:
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    return urlunsplit(parts._replace(scheme="postgresql+psycopg", path=f"/{name}"))
