"""The NATS adapter: one connection that never gives up, streams, durable publishing in batches.

nats-py has no atomic batch publish; here it is the raw protocol (server 2.12 or newer).
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import nats
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import ConnectionClosedError, NoRespondersError
from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy

from tandem_platform.event_subjects import area_of_stream, durable_name, partition_filter
from tandem_platform.structured_logs import get_logger

log = get_logger(__name__)

BATCH_MESSAGES_MAX = 1_000
REQUEST_TIMEOUT_S = 5.0
CONNECT_TIMEOUT_S = 2
RECONNECT_WAIT_S = 0.25
PING_INTERVAL_S = 10
PINGS_OUTSTANDING_MAX = 2
ACK_WAIT_S = 30
ACKS_PENDING_MAX = 256
STREAM_AGE_S_MAX = 7 * 24 * 3600
DUPLICATE_WINDOW_S = 600
MESSAGE_BYTES_MAX = 1024 * 1024

_NS = 1_000_000_000
_DUPLICATE_IN_BATCH = 10201
_STREAM_NOT_FOUND = 10059


class BusUnavailable(Exception):
    """NATS cannot be reached, or the stream is not there (yet)."""


class PublishRefused(Exception):
    """The server refused a publish: the stream is full, or the batch broke a rule."""

    def __init__(self, description: str, error_code: int = 0) -> None:
        super().__init__(description)
        self.error_code = error_code


@dataclass(frozen=True)
class Outgoing:
    """A message to publish; ``message_id`` lets the server drop a repeat within 10 minutes."""

    subject: str
    message_id: str
    payload: bytes
    headers: Mapping[str, str]

    def wire_headers(self, extra: Mapping[str, str]) -> dict[str, str]:
        """Headers as sent."""
        return {**self.headers, "Nats-Msg-Id": self.message_id, **extra}


@dataclass(frozen=True)
class StreamState:
    """Which life of a stream this is, and how far it got."""

    created: str
    last_seq: int


class JetStream:
    """A connection to NATS for one process. `start` returns at once, with or without a server."""

    def __init__(self, url: str, name: str, *, replicas: int = 1) -> None:
        self._url = url
        self._name = name
        self._replicas = replicas
        self._client: Client | None = None
        self._connecting: asyncio.Task[None] | None = None
        self._in_flight: set[asyncio.Task[Msg]] = set()
        self.on_reconnect: set[Callable[[], None]] = set()
        """Called after every reconnect: requests sent before it are lost."""

    async def start(self) -> None:
        """Begins to connect, and goes on until it worked."""
        self._connecting = asyncio.create_task(self._connect(), name="nats connect")

    async def stop(self) -> None:
        """Sends what is buffered and closes."""
        if self._connecting is not None:
            self._connecting.cancel()
            await asyncio.wait({self._connecting})
        if self._client is not None:
            with contextlib.suppress(nats.errors.Error, OSError, TimeoutError):
                await asyncio.wait_for(self._client.flush(), REQUEST_TIMEOUT_S)
            await self._client.close()

    @property
    def connected(self) -> bool:
        """True while the server is reached."""
        return self._client is not None and self._client.is_connected

    def client(self) -> Client:
        """The connection. Raises BusUnavailable while the server is not reached."""
        if self._client is None or not self._client.is_connected:
            raise BusUnavailable("NATS is not connected")
        return self._client

    async def ensure_stream(self, stream: str) -> StreamState:
        """Creates the stream if it is missing; returns its state. Raises BusUnavailable."""
        try:
            return await self.stream_state(stream)
        except PublishRefused as error:
            if error.error_code != _STREAM_NOT_FOUND:
                raise
        answer = await self._api(f"STREAM.CREATE.{stream}", self._stream_config(stream))
        return StreamState(answer["created"], answer["state"]["last_seq"])

    async def stream_state(self, stream: str) -> StreamState:
        """State of a stream. Raises BusUnavailable; PublishRefused when it does not exist."""
        answer = await self._api(f"STREAM.INFO.{stream}", {})
        return StreamState(answer["created"], answer["state"]["last_seq"])

    async def publish_batch(self, messages: Sequence[Outgoing]) -> list[int]:
        """Publishes all or none, on the disk when it returns; the stream's sequence of each.

        At most BATCH_MESSAGES_MAX. Raises BusUnavailable (outcome unknown) or PublishRefused.
        """
        client = self.client()
        batch = secrets.token_hex(8)
        *first, last = messages
        for position, message in enumerate(first, start=1):
            headers = {"Nats-Batch-Id": batch, "Nats-Batch-Sequence": str(position)}
            await self._send(client, message, headers)
        commit = {
            "Nats-Batch-Id": batch,
            "Nats-Batch-Sequence": str(len(messages)),
            "Nats-Batch-Commit": "1",
        }
        try:
            answer = await self._publish(last, commit)
        except PublishRefused as error:
            if error.error_code != _DUPLICATE_IN_BATCH:
                raise
            # Some of them arrived before (a crash between publish and mark). One by one the
            # server answers each repeat with the sequence it has.
            return [(await self._publish(message, {}))["seq"] for message in messages]
        last_seq = int(answer["seq"])
        return list(range(last_seq - len(messages) + 1, last_seq + 1))

    async def ensure_consumer(self, consumer: str, stream: str, partition: int) -> str:
        """Creates the durable of one partition if missing; returns its name.

        Raises BusUnavailable, also while nobody has made the stream.
        """
        name = durable_name(consumer, partition)
        config = ConsumerConfig(
            name=name,
            durable_name=name,
            ack_policy=AckPolicy.EXPLICIT,
            deliver_policy=DeliverPolicy.ALL,
            filter_subject=partition_filter(stream, partition),
            ack_wait=ACK_WAIT_S,
            # Never given up by the broker: dead letters are ours to decide, with the key parked.
            max_deliver=-1,
            max_ack_pending=ACKS_PENDING_MAX,
        )
        try:
            await self.client().jetstream(timeout=REQUEST_TIMEOUT_S).add_consumer(stream, config)
        except (nats.errors.Error, OSError, TimeoutError) as error:
            raise BusUnavailable(f"{stream}: {error}") from error
        return name

    async def redeliver(self, stream: str, durable: str) -> None:
        """Lets a durable begin again after its last acknowledged message, at once.

        For a new owner of the partition: what the old one fetched and never acknowledged would
        come only after the ack wait. Servers before 2.14 cannot; there it is the ack wait.
        """
        try:
            await self._api(f"CONSUMER.RESET.{stream}.{durable}", {})
        except PublishRefused as error:
            log.info("the durable cannot be reset", durable=durable, error=str(error))

    async def pending(self, stream: str, durable: str) -> int:
        """Messages a durable has not got acknowledged. Raises BusUnavailable.

        Not from its ack floor, which stands still behind messages that were given up.
        """
        answer = await self._api(f"CONSUMER.INFO.{stream}.{durable}", {})
        return int(answer["num_pending"]) + int(answer["num_ack_pending"])

    def _stream_config(self, stream: str) -> dict[str, Any]:
        return {
            "name": stream,
            "subjects": [f"evt.{area_of_stream(stream)}.>"],
            "storage": "file",
            "num_replicas": self._replicas,
            "retention": "limits",
            "max_age": STREAM_AGE_S_MAX * _NS,
            # A full stream makes the journal wait; "old" would drop events silently.
            "discard": "new",
            "allow_atomic": True,
            "deny_delete": True,
            "deny_purge": True,
            "duplicate_window": DUPLICATE_WINDOW_S * _NS,
            "max_msg_size": MESSAGE_BYTES_MAX,
        }

    async def _connect(self) -> None:
        while self._client is None:
            try:
                self._client = await nats.connect(
                    self._url,
                    name=self._name,
                    connect_timeout=CONNECT_TIMEOUT_S,
                    reconnect_time_wait=RECONNECT_WAIT_S,
                    max_reconnect_attempts=-1,
                    ping_interval=PING_INTERVAL_S,
                    max_outstanding_pings=PINGS_OUTSTANDING_MAX,
                    error_cb=_on_error,
                    disconnected_cb=self._disconnected,
                    reconnected_cb=self._reconnected,
                    inbox_prefix=f"_INBOX_{self._name}",
                )
            except (nats.errors.Error, OSError, TimeoutError) as error:
                log.info("nats not reached yet", error=type(error).__name__)
                await asyncio.sleep(RECONNECT_WAIT_S)

    async def _disconnected(self) -> None:
        # Their answers cannot come any more; waiting for the timeout would cost seconds.
        for task in self._in_flight:
            task.cancel()

    async def _reconnected(self) -> None:
        for listener in list(self.on_reconnect):
            listener()

    async def _send(self, client: Client, message: Outgoing, extra: Mapping[str, str]) -> None:
        try:
            await client.publish(
                message.subject, message.payload, headers=message.wire_headers(extra)
            )
        except (nats.errors.Error, OSError) as error:
            raise BusUnavailable(str(error)) from error

    async def _publish(self, message: Outgoing, extra: Mapping[str, str]) -> dict[str, Any]:
        return await self._request(message.subject, message.payload, message.wire_headers(extra))

    async def _api(self, subject: str, body: Mapping[str, Any]) -> dict[str, Any]:
        payload = json.dumps(body).encode() if body else b""
        return await self._request(f"$JS.API.{subject}", payload, None)

    async def _request(
        self, subject: str, payload: bytes, headers: dict[str, str] | None
    ) -> dict[str, Any]:
        asked = self.client().request(subject, payload, REQUEST_TIMEOUT_S, headers=headers)
        task = asyncio.create_task(asked)
        self._in_flight.add(task)
        task.add_done_callback(self._in_flight.discard)
        try:
            reply = await task
        except asyncio.CancelledError:
            own = asyncio.current_task()
            if own is not None and own.cancelling():
                raise
            raise BusUnavailable(f"the connection broke while {subject} was asked") from None
        except NoRespondersError as error:
            raise BusUnavailable(f"nobody answers {subject}: the stream is missing") from error
        except (nats.errors.Error, ConnectionClosedError, OSError, TimeoutError) as error:
            raise BusUnavailable(f"{subject}: {error!r}") from error
        answer: dict[str, Any] = json.loads(reply.data)
        if error_body := answer.get("error"):
            raise PublishRefused(error_body.get("description", ""), error_body.get("err_code", 0))
        return answer


async def _on_error(error: Exception) -> None:
    # Permission violations arrive only here; everything else also reaches a caller.
    log.warning("nats reported an error", error=str(error)[:200])
