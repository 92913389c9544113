"""Calls to outside systems: bounded in place, time and size, with outcomes named.

A call that may have reached the system and got no answer is never reported as failed: the
difference between "not sent" and "no answer" is what keeps a capture from being made twice.
"""

import importlib.util
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit

import httpx
from tandem_core.clock import Clock, SystemClock

from tandem_connector_sdk.errors import (
    NotAuthorized,
    OutcomeUnknown,
    RateLimited,
    Rejected,
    TemporarilyUnavailable,
)

RESPONSE_BYTES_MAX = 4 * 1024 * 1024
CONNECTIONS_MAX = 16
RETRY_AFTER_DEFAULT_SECONDS = 1.0
RETRY_AFTER_SECONDS_MAX = 3600.0

# httpcore asks for this optional module several times a call, and Python searches all of sys.path
# anew for a module it did not find: measured, half of a call's time with this many rooms on the
# path. A remembered None makes the same import fail at once.
if importlib.util.find_spec("sniffio") is None:
    sys.modules["sniffio"] = None  # type: ignore[assignment]  # documented: import raises

_NEVER_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)


class HostNotAllowed(Exception):
    """A connection's address is not one its connector may reach; told at start, not on a call."""


@dataclass(frozen=True, slots=True)
class HttpReply:
    """A complete answer; header names in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class HttpCall:
    """One call. `writes` tells whether an answer lost leaves a question open."""

    method: str
    path: str
    body: bytes | None = field(default=None, repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    query: Mapping[str, str] = field(default_factory=dict)

    @property
    def writes(self) -> bool:
        """True unless the call only reads."""
        return self.method not in ("GET", "HEAD")


class HttpClient:
    """Calls one base address. Follows no redirect: an answer could send secrets elsewhere."""

    def __init__(
        self, base_url: str, *, hosts_allowed: frozenset[str], clock: Clock | None = None
    ) -> None:
        host = urlsplit(base_url).hostname or ""
        if host not in hosts_allowed:
            raise HostNotAllowed(host)
        self._clock = clock or SystemClock()
        self._client = httpx.AsyncClient(
            base_url=base_url,
            follow_redirects=False,
            trust_env=False,
            limits=httpx.Limits(max_connections=CONNECTIONS_MAX),
        )

    async def close(self) -> None:
        """Lets all connections go."""
        await self._client.aclose()

    async def call(self, call: HttpCall, timeout_seconds: float) -> HttpReply:
        """The answer when it is 2xx; else the ConnectorError that says what to do."""
        reply = await self._send(call, timeout_seconds)
        if not 200 <= reply.status < 300:
            raise self._failure(call, reply)
        return reply

    async def _send(self, call: HttpCall, timeout_seconds: float) -> HttpReply:
        try:
            async with self._client.stream(
                call.method,
                call.path,
                content=call.body,
                headers=dict(call.headers),
                params=dict(call.query),
                timeout=timeout_seconds,
            ) as response:
                body = await _bounded_body(response)
                return HttpReply(response.status_code, dict(response.headers), body)
        except _NEVER_SENT as error:
            raise TemporarilyUnavailable(type(error).__name__) from error
        except httpx.HTTPError as error:
            raise _no_answer(call, type(error).__name__) from error

    def _failure(self, call: HttpCall, reply: HttpReply) -> Exception:
        if reply.status == 429:
            return RateLimited(self._retry_after(reply))
        if reply.status in (401, 403):
            return NotAuthorized(f"HTTP {reply.status}")
        if reply.status == 503:
            # Said before the work began, by convention of every system connected so far.
            return TemporarilyUnavailable("HTTP 503")
        if reply.status >= 500 or reply.status == 408:
            return _no_answer(call, f"HTTP {reply.status}")
        return Rejected(f"HTTP_{reply.status}", reply.body[:500].decode("utf-8", "replace"))

    def _retry_after(self, reply: HttpReply) -> float:
        text = reply.headers.get("retry-after", "")
        seconds = RETRY_AFTER_DEFAULT_SECONDS
        if text.isascii() and text.isdigit():
            seconds = float(text)
        elif text:
            try:
                instant = parsedate_to_datetime(text)
                seconds = (instant - self._clock.now()).total_seconds()
            except (TypeError, ValueError):
                seconds = RETRY_AFTER_DEFAULT_SECONDS
        return min(max(seconds, 0.0), RETRY_AFTER_SECONDS_MAX)


async def _bounded_body(response: httpx.Response) -> bytes:
    body = bytearray()
    async for chunk in response.aiter_bytes():
        body += chunk
        if len(body) > RESPONSE_BYTES_MAX:
            raise httpx.ReadError(f"the answer is larger than {RESPONSE_BYTES_MAX} bytes")
    return bytes(body)


def _no_answer(call: HttpCall, detail: str) -> Exception:
    return OutcomeUnknown(detail) if call.writes else TemporarilyUnavailable(detail)
