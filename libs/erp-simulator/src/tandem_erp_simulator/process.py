"""The ERP as a process of its own, for tests and demos; killed and restarted on its books."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx
from tandem_connector_sdk.simulators.simulator_process import SimulatorProcess


class ErpProcess(SimulatorProcess):
    """Keeps its books and key in a folder. Not thread-safe."""

    def __init__(self, folder: Path, port: int, token: str) -> None:
        super().__init__("tandem_erp_simulator", "erp", (folder, port), token)
        self._headers = {"authorization": f"token {token}"}

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
        if not self.running:
            self.start()
        url = f"{self.url}/admin/entries"
        httpx.delete(url, headers=self._headers, trust_env=False).raise_for_status()
