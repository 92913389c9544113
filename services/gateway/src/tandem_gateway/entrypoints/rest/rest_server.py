"""uvicorn inside the service process: started and stopped with its other parts."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Iterator

import uvicorn
from starlette.applications import Starlette

from tandem_gateway.settings import GatewaySettings

BACKLOG = 2_048
STARTED_POLL_S = 0.02
KEEP_ALIVE_S = 30


class _Server(uvicorn.Server):
    """uvicorn without its signal handlers: the process decides when to stop."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leaves signals alone."""
        yield


class RestServer:
    """Serves the application on ``http_host:http_port``; ``port`` is known after `start`."""

    def __init__(self, app: Starlette, settings: GatewaySettings) -> None:
        self.port = 0
        self._settings = settings
        self._server = _Server(
            uvicorn.Config(
                app,
                http="httptools",
                ws="none",
                loop="none",
                lifespan="off",
                # Nothing here looks at the sender's address, and a header could only lie about it.
                proxy_headers=False,
                access_log=False,
                log_config=None,
                server_header=False,
                date_header=False,
                backlog=BACKLOG,
                timeout_keep_alive=KEEP_ALIVE_S,
                limit_concurrency=settings.requests_in_flight_max,
                timeout_graceful_shutdown=settings.http_drain_s,
            )
        )
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Listens. Raises OSError when the port is taken."""
        listener = self._listen()
        self.port = listener.getsockname()[1]
        self._task = asyncio.create_task(self._server.serve(sockets=[listener]), name="rest")
        while not self._server.started:
            if self._task.done():
                await self._task
            await asyncio.sleep(STARTED_POLL_S)

    async def stop(self) -> None:
        """Refuses new connections and lets requests in flight finish within ``http_drain_s``."""
        self._server.should_exit = True
        if self._task is not None:
            await self._task

    def _listen(self) -> socket.socket:
        listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if self._settings.shared_port:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        listener.bind((self._settings.http_host, self._settings.http_port))
        return listener
