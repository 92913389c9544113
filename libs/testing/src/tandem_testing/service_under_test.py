"""One service as it runs in production, in the test's loop or as a process that may be killed."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc
from tandem_platform.grpc_client import ServiceChannel
from tandem_platform.internal_token import TokenSigner, generate_key_pair
from tandem_platform.process import Build, serve
from tandem_platform.settings import ServiceSettings

from tandem_testing.child_process import accepts_connections, free_port
from tandem_testing.eventually import eventually
from tandem_testing.grpc_wire import CLIENT, caller
from tandem_testing.source_service import PARTITIONS

START_WAIT_S = 30.0


@dataclass
class ServiceUnderTest:
    """Addresses and keys of the service; ``fields`` are its settings by name."""

    name: str
    folder: Path
    fields: dict[str, Any] = field(default_factory=dict)
    port: int = field(default_factory=free_port)

    def __post_init__(self) -> None:
        private, self.public_key = generate_key_pair()
        self._client_key, client_public = generate_key_pair()
        (self.folder / "own.pem").write_bytes(private)
        trusted = {CLIENT: client_public, self.name: self.public_key}
        (self.folder / "trusted.json").write_text(json.dumps(trusted))

    def configure(self, database_url: str, nats_url: str, peers: Mapping[str, int]) -> None:
        """Tells where everything is; ``peers`` are ports by service."""
        self.fields |= {
            "database_url": database_url,
            "nats_url": nats_url,
            "peers": {name: f"127.0.0.1:{port}" for name, port in peers.items()},
            "grpc_port": self.port,
            "replica": f"{self.name}-0",
            "partitions": PARTITIONS,
            "signing_key_file": str(self.folder / "own.pem"),
            "trusted_keys_file": str(self.folder / "trusted.json"),
            "drain_wait_ms": 0,
            "drain_grace_ms": 1_000,
        }

    @asynccontextmanager
    async def in_process(
        self, settings: type[ServiceSettings], build: Build
    ) -> AsyncIterator[None]:
        """Serves inside the running loop, all parts wired as in production."""
        stop = asyncio.Event()
        serving = asyncio.create_task(serve(settings(**self.fields), build, stop=stop))
        try:
            await eventually(self._answers, True, wait_s=START_WAIT_S)
            yield
        finally:
            stop.set()
            await serving

    async def _answers(self) -> bool:
        return accepts_connections(self.port)

    def start(self, module: str, faults: str = "") -> subprocess.Popen[bytes]:
        """``python -m module`` with fault points; the caller waits for its end."""
        environment = {
            f"TANDEM_{name.upper()}": json.dumps(value) if isinstance(value, dict) else str(value)
            for name, value in self.fields.items()
        }
        with (self.folder / "service.log").open("ab") as log:
            return subprocess.Popen(
                [sys.executable, "-m", module],
                env={**os.environ, **environment, "TANDEM_FAULT_POINTS": faults},
                stdout=log,
                stderr=log,
            )

    @asynccontextmanager
    async def channel(self, subject: str = CLIENT) -> AsyncIterator[grpc.aio.Channel]:
        """A channel to it with every scope, calling as ``subject``."""
        peers = {self.name: f"127.0.0.1:{self.port}"}
        identity = caller(subject=subject)
        channel = ServiceChannel(
            ServiceSettings(service_name=CLIENT, peers=peers),
            self.name,
            identity=lambda: identity,
            signer=TokenSigner(CLIENT, self._client_key),
        )
        try:
            yield channel
        finally:
            await channel.close()


def end(process: subprocess.Popen[bytes]) -> int:
    """Asks a process to end and waits; its exit code."""
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
    return process.wait(START_WAIT_S)
