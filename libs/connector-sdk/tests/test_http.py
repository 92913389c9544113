"""A call out ends in what to do about it, against a real server that misbehaves."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import pytest
from tandem_connector_sdk import http
from tandem_connector_sdk.errors import (
    ConnectorError,
    NotAuthorized,
    OutcomeUnknown,
    RateLimited,
    Rejected,
    TemporarilyUnavailable,
)
from tandem_connector_sdk.http import HostNotAllowed, HttpCall, HttpClient
from tandem_core.clock import FixedClock
from tandem_testing.child_process import free_port

Answer = Callable[[asyncio.StreamWriter], Awaitable[None]]
LOCAL = frozenset({"127.0.0.1"})
NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
CUT_OFF = b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n{"
READ, WRITE = HttpCall("GET", "/thing"), HttpCall("POST", "/thing", body=b"{}")


def raw(reply: bytes) -> Answer:
    """Answers with these bytes and closes."""

    async def answer(writer: asyncio.StreamWriter) -> None:
        writer.write(reply)
        await writer.drain()

    return answer


def status(code: int, headers: str = "", body: bytes = b"") -> Answer:
    """A complete answer."""
    head = f"HTTP/1.1 {code} X\r\ncontent-length: {len(body)}\r\n{headers}\r\n"
    return raw(head.encode() + body)


async def never(writer: asyncio.StreamWriter) -> None:
    """Keeps the client waiting."""
    await asyncio.sleep(30)


@asynccontextmanager
async def calling(answer: Answer) -> AsyncIterator[HttpClient]:
    """A client of a server that answers every call like this."""

    open_calls: set[asyncio.Task[None]] = set()

    def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        open_calls.add(asyncio.create_task(_serve(reader, writer, answer)))

    port = free_port()
    server = await asyncio.start_server(serve, "127.0.0.1", port)
    client = HttpClient(f"http://127.0.0.1:{port}", hosts_allowed=LOCAL, clock=FixedClock(NOW))
    yield client
    await client.close()
    server.close()
    for call in open_calls:
        call.cancel()
    await asyncio.gather(*open_calls, return_exceptions=True)


async def _serve(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, answer: Answer
) -> None:
    try:
        await reader.readuntil(b"\r\n\r\n")
        await answer(writer)
    finally:
        writer.close()


async def _fails(answer: Answer, call: HttpCall) -> ConnectorError:
    async with calling(answer) as client:
        with pytest.raises(ConnectorError) as caught:
            await client.call(call, 0.3)
    return caught.value


async def test_a_good_answer_is_given_back_whole() -> None:
    async with calling(status(201, "x-kind: a\r\n", b'{"id": 1}')) as client:
        reply = await client.call(WRITE, 2)
    assert (reply.status, reply.headers["x-kind"], reply.body) == (201, "a", b'{"id": 1}')


@pytest.mark.parametrize(
    ("answer", "read", "write"),
    [
        (status(401), NotAuthorized, NotAuthorized),
        (status(403), NotAuthorized, NotAuthorized),
        (status(404, body=b"no such thing"), Rejected, Rejected),
        (status(302, "location: http://127.0.0.1:1/\r\n"), Rejected, Rejected),
        (status(429), RateLimited, RateLimited),
        (status(503), TemporarilyUnavailable, TemporarilyUnavailable),
        (status(500), TemporarilyUnavailable, OutcomeUnknown),
        (status(408), TemporarilyUnavailable, OutcomeUnknown),
        (never, TemporarilyUnavailable, OutcomeUnknown),
        (raw(CUT_OFF), TemporarilyUnavailable, OutcomeUnknown),
        (raw(b""), TemporarilyUnavailable, OutcomeUnknown),
        (raw(b"this is not HTTP\r\n\r\n"), TemporarilyUnavailable, OutcomeUnknown),
    ],
)  # fmt: skip
async def test_every_bad_answer_says_what_is_known(
    answer: Answer, read: type[ConnectorError], write: type[ConnectorError]
) -> None:
    assert type(await _fails(answer, READ)) is read
    assert type(await _fails(answer, WRITE)) is write


async def test_a_write_that_never_left_is_not_unknown() -> None:
    client = HttpClient(f"http://127.0.0.1:{free_port()}", hosts_allowed=LOCAL)
    with pytest.raises(TemporarilyUnavailable):
        await client.call(WRITE, 1)
    await client.close()


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("retry-after: 7\r\n", 7.0),
        ("retry-after: Mon, 02 Mar 2026 09:01:00 GMT\r\n", 60.0),
        ("retry-after: Mon, 02 Mar 2026 08:00:00 GMT\r\n", 0.0),
        ("retry-after: 999999\r\n", http.RETRY_AFTER_SECONDS_MAX),
        ("retry-after: soon\r\n", http.RETRY_AFTER_DEFAULT_SECONDS),
        ("", http.RETRY_AFTER_DEFAULT_SECONDS),
    ],
)
async def test_retry_after_is_honoured_within_bounds(header: str, seconds: float) -> None:
    error = await _fails(status(429, header), READ)
    assert isinstance(error, RateLimited)
    assert error.retry_after_seconds == seconds


async def test_an_answer_without_end_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "RESPONSE_BYTES_MAX", 1_000)
    assert isinstance(await _fails(status(200, body=b"x" * 1_001), READ), TemporarilyUnavailable)


@pytest.mark.parametrize("url", ["http://169.254.169.254/", "http://example.test", "file:///etc"])
def test_a_host_that_is_not_listed_cannot_be_called(url: str) -> None:
    with pytest.raises(HostNotAllowed):
        HttpClient(url, hosts_allowed=LOCAL)
