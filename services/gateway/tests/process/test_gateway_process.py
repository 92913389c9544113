"""The gateway as its own process: waits for its database, drains on SIGTERM, scales out."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
from tandem_platform.internal_token import generate_key_pair
from tandem_testing.embedded_postgres import EmbeddedPostgres
from tandem_testing.otlp_sink import OtlpSink

from ..component.gateway_under_test import a_key, free_port

START_S_MAX = 30.0
STOP_S_MAX = 15.0


class GatewayProcess:
    """One `python -m tandem_gateway`."""

    def __init__(self, folder: Path, database_url: str, **changed: str) -> None:
        private, public = generate_key_pair()
        (folder / "gateway.pem").write_bytes(private)
        (folder / "trusted.json").write_text(json.dumps({"gateway": public}))
        self.key = a_key()
        (folder / "bootstrap.key").write_text(self.key)
        self.http_port = free_port()
        environment = {
            "TANDEM_DATABASE_URL": database_url,
            "TANDEM_GRPC_PORT": str(free_port()),
            "TANDEM_HTTP_PORT": str(self.http_port),
            "TANDEM_SIGNING_KEY_FILE": str(folder / "gateway.pem"),
            "TANDEM_TRUSTED_KEYS_FILE": str(folder / "trusted.json"),
            "TANDEM_BOOTSTRAP_API_KEY_FILE": str(folder / "bootstrap.key"),
            "TANDEM_DRAIN_WAIT_MS": "0",
            **changed,
        }
        self.log = folder / "gateway.log"
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "tandem_gateway"],
                env={**os.environ, **environment},
                stderr=log,
                stdout=log,
            )

    def get(self, path: str) -> httpx.Response:
        url = f"http://127.0.0.1:{self.http_port}{path}"
        return httpx.get(url, headers={"Authorization": f"Bearer {self.key}"}, timeout=5)

    def answers(self) -> bool:
        try:
            return self.get("/readyz").status_code == 200
        except httpx.TransportError:
            return False

    def wait_until_ready(self) -> None:
        wait_for(lambda: self.answers() or self.process.poll() is not None, START_S_MAX)
        assert self.process.poll() is None, self.log.read_text()

    def logged(self, text: str) -> bool:
        return text in self.log.read_text()


@contextmanager
def gateway_process(folder: Path, database_url: str, **changed: str) -> Iterator[GatewayProcess]:
    gateway = GatewayProcess(folder, database_url, **changed)
    try:
        yield gateway
    finally:
        gateway.process.kill()
        gateway.process.wait()


def wait_for(condition: Callable[[], bool], timeout_s: float) -> None:
    end = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < end, "the condition did not come true in time"
        time.sleep(0.05)


def test_it_waits_for_its_database_serves_and_ends_clean_on_sigterm(
    tmp_path: Path, postgres_server: EmbeddedPostgres, database_url: str
) -> None:
    postgres_server.stop()
    try:
        with gateway_process(tmp_path, database_url) as gateway:
            wait_for(lambda: gateway.logged("postgres not reached yet"), START_S_MAX)
            assert gateway.process.poll() is None
            postgres_server.start()
            gateway.wait_until_ready()
            assert gateway.get("/v1/api-clients").status_code == 200
            gateway.process.send_signal(signal.SIGTERM)
            assert gateway.process.wait(STOP_S_MAX) == 0, gateway.log.read_text()
    finally:
        if not postgres_server.running:
            postgres_server.start()


def test_sigterm_before_the_database_answered_ends_it_at_once(tmp_path: Path) -> None:
    nowhere = f"postgresql+psycopg://nobody@127.0.0.1:{free_port()}/nothing"
    with gateway_process(tmp_path, nowhere) as gateway:
        wait_for(lambda: gateway.logged("postgres not reached yet"), START_S_MAX)
        gateway.process.send_signal(signal.SIGTERM)
        assert gateway.process.wait(STOP_S_MAX) == 0, gateway.log.read_text()


def test_processes_share_the_ports_and_end_together(tmp_path: Path, database_url: str) -> None:
    with gateway_process(tmp_path, database_url, TANDEM_PROCESSES="2") as gateway:
        gateway.wait_until_ready()
        wait_for(lambda: gateway.log.read_text().count('"serving"') == 2, START_S_MAX)
        assert gateway.get("/v1/api-clients").status_code == 200
        gateway.process.send_signal(signal.SIGTERM)
        assert gateway.process.wait(STOP_S_MAX) == 0, gateway.log.read_text()


def test_an_unreadable_bootstrap_key_stops_the_start(tmp_path: Path, database_url: str) -> None:
    bad = tmp_path / "bad.key"
    bad.write_text("not a key")
    with gateway_process(tmp_path, database_url, TANDEM_BOOTSTRAP_API_KEY_FILE=str(bad)) as gateway:
        assert gateway.process.wait(START_S_MAX) != 0
        assert gateway.logged("BootstrapKeyUnreadable")


def test_a_request_is_one_connected_trace_from_http_to_the_service(
    tmp_path: Path, database_url: str
) -> None:
    path = "/v1/api-clients"
    with OtlpSink() as sink:
        exported = {"OTEL_EXPORTER_OTLP_ENDPOINT": sink.endpoint}
        with gateway_process(tmp_path, database_url, **exported) as gateway:
            gateway.wait_until_ready()
            response = gateway.get(path)
            assert response.status_code == 200
            trace = sink.wait_for_trace(
                response.headers["X-Trace-Id"],
                services={"gateway"},
                names={f"GET {path}", "tandem.gateway.v1.ApiClientService/ListApiClients"},
            )
    kinds = sorted(span.kind for span in trace.spans)
    assert kinds.count("SERVER") == 2
    assert kinds.count("CLIENT") == 1
    assert trace.errors == []
