"""The gateway as it runs, on a real Postgres, with real gRPC services behind it."""

from __future__ import annotations

import asyncio
import json
import secrets
import socket
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from tandem_gateway.bootstrap import build
from tandem_gateway.settings import GatewaySettings
from tandem_platform.grpc_server import GrpcServer
from tandem_platform.internal_token import TokenVerifier, generate_key_pair
from tandem_platform.process import serve
from tandem_platform.settings import ServiceSettings

START_S_MAX = 20.0


@dataclass(frozen=True)
class RunningGateway:
    """A started gateway: ``http`` sends with the bootstrap key, ``anyone`` without."""

    http: httpx.AsyncClient
    anyone: httpx.AsyncClient
    key: str


def free_port() -> int:
    """A port nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def a_key() -> str:
    """A fresh key of the right form."""
    return f"tdm_test_{uuid.uuid4().hex}_{secrets.token_hex(32)}"


@asynccontextmanager
async def running_gateway(
    database_url: str, folder: Path, backends: dict[str, list[object]], **changed: Any
) -> AsyncIterator[RunningGateway]:
    """Starts the gateway with the given servicers behind it, by name of their service."""
    private, public = generate_key_pair()
    (folder / "gateway.pem").write_bytes(private)
    (folder / "trusted.json").write_text(json.dumps({"gateway": public}))
    key = a_key()
    (folder / "bootstrap.key").write_text(f"{key}\n")
    servers = {name: await _backend(name, parts, public) for name, parts in backends.items()}
    settings = GatewaySettings(
        database_url=database_url,
        grpc_port=free_port(),
        http_port=free_port(),
        peers={name: f"127.0.0.1:{server.port}" for name, server in servers.items()},
        signing_key_file=folder / "gateway.pem",
        trusted_keys_file=folder / "trusted.json",
        bootstrap_api_key_file=folder / "bootstrap.key",
        drain_wait_ms=0,
        drain_grace_ms=500,
        http_drain_s=2,
        **changed,
    )
    stop = asyncio.Event()
    process = asyncio.create_task(serve(settings, build, stop=stop))
    base = f"http://127.0.0.1:{settings.http_port}"
    headers = {"Authorization": f"Bearer {key}"}
    async with (
        httpx.AsyncClient(base_url=base, headers=headers) as http,
        httpx.AsyncClient(base_url=base) as anyone,
    ):
        await _ready(anyone, process)
        yield RunningGateway(http, anyone, key)
    stop.set()
    await process
    for server in servers.values():
        await server.drain()


async def _backend(name: str, servicers: list[object], public: str) -> GrpcServer:
    server = GrpcServer(
        ServiceSettings(service_name=name, drain_wait_ms=0, drain_grace_ms=0),
        servicers,
        verifier=TokenVerifier(name, {"gateway": public}),
    )
    await server.start()
    return server


async def _ready(client: httpx.AsyncClient, process: asyncio.Task[None]) -> None:
    async with asyncio.timeout(START_S_MAX):
        while True:
            if process.done():
                await process
            try:
                if (await client.get("/readyz")).status_code == 200:
                    return
            except httpx.TransportError:
                pass
            await asyncio.sleep(0.05)


def problem(response: httpx.Response, status: int) -> dict[str, Any]:
    """The problem document of a failed request, checked for what every one has."""
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    body: dict[str, Any] = response.json()
    assert body["status"] == status
    assert body["type"] == f"https://tandem.dev/problems/{body['reason']}"
    assert len(body["trace_id"]) == 32
    assert body["title"]
    assert body["detail"]
    assert body["instance"] == response.request.url.path
    return body
