"""A simulated system as a process, for tests and demos; killed and restarted on its data."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import httpx

START_SECONDS_MAX = 30.0
STOP_SECONDS_MAX = 10.0
POLL_SECONDS = 0.02


class SimulatorNotStarted(RuntimeError):
    """The process ended or stayed silent."""


class SimulatorProcess:
    """Keeps its data and key in a folder. Not thread-safe.

    ``module`` takes ``--port``, ``--data`` and ``--key-file`` and answers ``/health``; ``name`` is
    that of its files.
    """

    def __init__(self, module: str, name: str, where: tuple[Path, int], key: str) -> None:
        folder, port = where
        folder.mkdir(parents=True, exist_ok=True)
        self.url = f"http://127.0.0.1:{port}"
        self.key_file = folder / f"{name}.key"
        self.key_file.write_text(key)
        self._module = module
        self._arguments = ["--port", str(port), "--data", str(folder / name)]
        self._arguments += ["--key-file", str(self.key_file)]
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def running(self) -> bool:
        """True until the process has ended."""
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Starts it and waits until it answers. Raises SimulatorNotStarted."""
        self._process = subprocess.Popen([sys.executable, "-m", self._module, *self._arguments])
        deadline = time.monotonic() + START_SECONDS_MAX
        while not self._answers():
            if not self.running or time.monotonic() > deadline:
                raise SimulatorNotStarted(self.url)
            time.sleep(POLL_SECONDS)

    def stop(self, how: signal.Signals = signal.SIGTERM) -> None:
        """Ends it; SIGKILL is a crash."""
        if self._process is None or not self.running:
            return
        self._process.send_signal(how)
        try:
            self._process.wait(STOP_SECONDS_MAX)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _answers(self) -> bool:
        try:
            return httpx.get(f"{self.url}/health", trust_env=False).is_success
        except httpx.TransportError:
            return False
