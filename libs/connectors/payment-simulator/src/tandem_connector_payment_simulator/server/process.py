"""The provider as a process of its own, for tests and demos; killed and restarted on its data."""

from pathlib import Path

import httpx
from tandem_connector_sdk.simulators.simulator_process import SimulatorProcess


class ProviderProcess(SimulatorProcess):
    """Keeps its ledger and key in a folder. Not thread-safe."""

    def __init__(self, folder: Path, port: int, key: str) -> None:
        super().__init__("tandem_connector_payment_simulator", "provider", (folder, port), key)
        self._key = key

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

    def _headers(self) -> dict[str, str]:
        return {"authorization": f"Bearer {self._key}"}
