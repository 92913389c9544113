"""A long poll on a durable: messages come as soon as they exist, in batches when there are many.

nats-py's ``fetch`` waits for a full batch or its timeout once the first message came late, and
starts a task per message; this one returns what is there.
"""

from __future__ import annotations

import asyncio
import json
import time

import nats
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription

from tandem_platform.jetstream import BusUnavailable, JetStream

POLL_S = 5.0
_GRACE_S = 1.0
# 404 and 503: nobody answers for the durable. 409: it was deleted or its leader went away.
_GONE = frozenset({"404", "409", "503"})


class PullSubscription:
    """Reads one durable; not for use by two tasks at once."""

    def __init__(self, bus: JetStream, stream: str, durable: str, batch_max: int) -> None:
        """Raises BusUnavailable while the bus is not connected."""
        self._bus = bus
        self._client: Client = bus.client()
        self._next_subject = f"$JS.API.CONSUMER.MSG.NEXT.{stream}.{durable}"
        self._inbox = self._client.new_inbox()
        self._batch_max = batch_max
        # Never longer than what was asked for, plus one status per request; None: reconnected.
        self._arrived: asyncio.Queue[Msg | None] = asyncio.Queue()
        self._asked_messages = 0
        self._asked_until_s = 0.0
        self._subscription: Subscription | None = None

    async def fetch(self) -> list[Msg]:
        """The next messages; empty after POLL_S without any. Raises BusUnavailable when the
        durable is gone or the connection is lost."""
        try:
            await self._ask()
        except (nats.errors.Error, OSError) as error:
            raise BusUnavailable(str(error)) from error
        wait_s = max(0.05, self._asked_until_s + _GRACE_S - time.monotonic())
        messages: list[Msg] = []
        try:
            async with asyncio.timeout(wait_s):
                self._take(await self._arrived.get(), messages)
        except TimeoutError:
            return []
        while not self._arrived.empty() and len(messages) < self._batch_max:
            self._take(self._arrived.get_nowait(), messages)
        return messages

    async def close(self) -> None:
        """Unsubscribes; messages not acknowledged come again elsewhere."""
        self._bus.on_reconnect.discard(self._forget_request)
        if self._subscription is not None and self._client.is_connected:
            await self._subscription.unsubscribe()

    async def _ask(self) -> None:
        if not self._client.is_connected:
            raise BusUnavailable("NATS is not connected")
        if self._subscription is None:
            self._subscription = await self._client.subscribe(self._inbox, cb=self._arrived.put)
            self._bus.on_reconnect.add(self._forget_request)
        # A request can be lost with a connection: past its end it is asked anew.
        lost = time.monotonic() > self._asked_until_s + _GRACE_S
        if self._asked_messages > 0 and not lost:
            return
        request = {"batch": self._batch_max, "expires": int(POLL_S * 1_000_000_000)}
        await self._client.publish(
            self._next_subject, json.dumps(request).encode(), reply=self._inbox
        )
        self._asked_messages = self._batch_max
        self._asked_until_s = time.monotonic() + POLL_S

    def _forget_request(self) -> None:
        self._arrived.put_nowait(None)

    def _take(self, message: Msg | None, messages: list[Msg]) -> None:
        if message is None:
            self._asked_messages = 0
            return
        status = (message.headers or {}).get("Status")
        if status is None:
            self._asked_messages -= 1
            messages.append(message)
            return
        self._asked_messages = 0
        if status in _GONE and not messages:
            raise BusUnavailable(f"the durable behind {self._next_subject} is gone: {status}")
