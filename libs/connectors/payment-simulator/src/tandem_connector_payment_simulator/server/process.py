"""The provider as a process of its own, for tests and demos; killed and restarted on its data."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import httpx

START_SECONDS_MAX = 30.0
STOP_SECONDS_MAX = 10.0
POLL_SECONDS = 0.02


class ProviderNotStarted(RuntimeError):
    """The process ended or stayed silent."""


class ProviderProcess:
    """Keeps its ledger and key in a folder. Not thread-safe."""

    def __init__(self, folder: Path, port: int, key: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.url = f"http://127.0.0.1:{port}"
        self.key_file = folder / "provider.key"
        self.key_file.write_text(key)
        self._key = key
        self._arguments = ["--port", str(port), "--data", str(folder / "provider")]
        self._arguments += ["--key-file", str(self.key_file)]
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Starts it and waits until it answers; raises ProviderNotStarted."""
        module = "tandem_connector_payment_simulator"
        self._process = subprocess.Popen([sys.executable, "-m", module, *self._arguments])
        deadline = time.monotonic() + START_SECONDS_MAX
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise ProviderNotStarted(self.url)
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

    def admin(self, path: str, **body: object) -> httpx.Response:
        """Posts to a door of the admin: `captures` plants one, `faults` plans one."""
        return httpx.post(
            f"{self.url}/admin/{path}", json=body, headers=self._headers(), trust_env=False
        )

    def totals(self) -> dict[tuple[str, str], tuple[int, int]]:
        """Count and sum in minor units by (kind, status), over all currencies."""
        reply = httpx.get(f"{self.url}/admin/totals", headers=self._headers(), trust_env=False)
        found: dict[tuple[str, str], tuple[int, int]] = {}
        for row in reply.json()["totals"]:
            count, value = found.get((row["kind"], row["status"]), (0, 0))
            total = (count + row["operations"], value + row["value"])
            found[(row["kind"], row["status"])] = total
        return found

    def _answers(self) -> bool:
        try:
            return httpx.get(f"{self.url}/health", trust_env=False).is_success
        except httpx.TransportError:
            return False

    def _headers(self) -> dict[str, str]:
        return {"authorization": f"Bearer {self._key}"}
