"""The ERP as a process of its own, for tests and demos; killed and restarted on its books."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import httpx

START_SECONDS_MAX = 30.0
STOP_SECONDS_MAX = 10.0
POLL_SECONDS = 0.02


class ErpNotStarted(RuntimeError):
    """The process ended or stayed silent."""


class ErpProcess:
    """Keeps its books and key in a folder. Not thread-safe."""

    def __init__(self, folder: Path, port: int, token: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.url = f"http://127.0.0.1:{port}"
        self.key_file = folder / "erp.key"
        self.key_file.write_text(token)
        self._headers = {"authorization": f"token {token}"}
        self._arguments = ["--port", str(port), "--data", str(folder / "erp")]
        self._arguments += ["--key-file", str(self.key_file)]
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Starts it and waits until it answers; raises ErpNotStarted."""
        module = "tandem_erp_simulator"
        self._process = subprocess.Popen([sys.executable, "-m", module, *self._arguments])
        deadline = time.monotonic() + START_SECONDS_MAX
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise ErpNotStarted(self.url)
            time.sleep(POLL_SECONDS)

    def stop(self, how: signal.Signals = signal.SIGTERM) -> None:
        """Ends it; SIGKILL is a crash."""
        if self._process is None or self._process.poll() is not None:
            return
        self._process.send_signal(how)
        try:
            self._process.wait(STOP_SECONDS_MAX)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def tell(self, path: str, **body: object) -> None:
        """Posts to a door of the admin: ``faults``, ``accounts``, ``unique``."""
        url = f"{self.url}/admin/{path}"
        httpx.post(url, json=body, headers=self._headers, trust_env=False).raise_for_status()

    def ask(self, path: str) -> dict[str, Any]:
        """Reads a door of the admin: ``faults``, ``trial-balance``, ``entries``."""
        url = f"{self.url}/admin/{path}"
        reply = httpx.get(url, headers=self._headers, trust_env=False).raise_for_status()
        found: dict[str, Any] = reply.json()
        return found

    def wipe(self) -> None:
        """Starts it when it is down, and gives it new books without faults."""
        if self._process is None or self._process.poll() is not None:
            self.start()
        url = f"{self.url}/admin/entries"
        httpx.delete(url, headers=self._headers, trust_env=False).raise_for_status()

    def _answers(self) -> bool:
        try:
            return httpx.get(f"{self.url}/health", trust_env=False).is_success
        except httpx.TransportError:
            return False
