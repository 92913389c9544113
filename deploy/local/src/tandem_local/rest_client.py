"""The suite's REST door as an outside channel uses it."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable
from typing import Any, TypeVar

import httpx

TIMEOUT_SECONDS = 20.0
WAIT_SECONDS_MAX = 60.0
POLL_SECONDS = 0.1
UNREACHED_RETRIES_MAX = 100

T = TypeVar("T")


class NotReached(RuntimeError):
    """Something the day waits for did not come in time; names it."""


class RestClient:
    """Calls with a key. A door that is just being restarted is tried again, writes with the same
    idempotency key, so nothing is done twice."""

    def __init__(self, base_url: str, api_key: str) -> None:
        headers = {"Authorization": f"Bearer {api_key}"}
        self._http = httpx.Client(base_url=base_url, headers=headers, timeout=TIMEOUT_SECONDS)

    def close(self) -> None:
        """Closes the connections."""
        self._http.close()

    def get(self, path: str, **query: Any) -> dict[str, Any]:
        """Reads. Raises httpx.HTTPStatusError for a problem."""
        return self._json(self._send("GET", path, params=query))

    def post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """Writes once, however often it is tried."""
        headers = {"Idempotency-Key": str(uuid.uuid4())}
        return self._json(self._send("POST", path, json=body, headers=headers))

    def try_post(self, path: str, body: dict[str, Any]) -> httpx.Response:
        """Writes and returns the answer as it is, problems too."""
        headers = {"Idempotency-Key": str(uuid.uuid4())}
        return self._send("POST", path, json=body, headers=headers)

    def put_file(self, connection: str, name: str, content: str) -> dict[str, Any]:
        """Hands a file in."""
        path = f"/files/{connection}/{name}"
        return self._json(self._send("PUT", path, content=content.encode()))

    def webhook(self, connection: str, headers: dict[str, str], body: bytes) -> httpx.Response:
        """Delivers a webhook as the vendor would; the answer as it is."""
        return self._send("POST", f"/webhooks/{connection}", content=body, headers=headers)

    def _send(self, method: str, path: str, **arguments: Any) -> httpx.Response:
        for attempt in range(UNREACHED_RETRIES_MAX):
            try:
                answer = self._http.request(method, path, **arguments)
            except httpx.TransportError:
                if attempt == UNREACHED_RETRIES_MAX - 1:
                    raise
            else:
                if answer.status_code not in (502, 503, 504):
                    return answer
            time.sleep(POLL_SECONDS * 2)
        return answer

    @staticmethod
    def _json(answer: httpx.Response) -> dict[str, Any]:
        if answer.is_error:
            detail = f"{answer.status_code} {answer.request.url}: {answer.text[:500]}"
            raise httpx.HTTPStatusError(detail, request=answer.request, response=answer)
        found: dict[str, Any] = answer.json()
        return found


def wait_for(what: str, look: Callable[[], T | None], seconds: float = WAIT_SECONDS_MAX) -> T:
    """What ``look`` finds, as soon as it finds it. Raises NotReached naming ``what``."""
    give_up_at = time.monotonic() + seconds
    while True:
        found = look()
        if found:
            return found
        if time.monotonic() > give_up_at:
            raise NotReached(f"{what}: not within {seconds:.0f} s")
        time.sleep(POLL_SECONDS)
