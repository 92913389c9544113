"""From the text of a key to the client behind it, and whether it may send now."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol

from tandem_core.clock import Clock

from tandem_gateway.application.ports import ClientLookup
from tandem_gateway.domain.api_client import ApiClient, ApiClientState
from tandem_gateway.domain.api_key import ApiKey
from tandem_gateway.domain.errors import CredentialsRefused, RateExceeded
from tandem_gateway.domain.request_rate import Rate

KNOWN_CLIENTS_MAX = 10_000
KNOWN_FOR_S = 5.0


@dataclass(frozen=True)
class AccessGrant:
    """What an access token allows: some scopes of one client."""

    client_id: str
    scopes: frozenset[str]


class AccessTokens(Protocol):
    """Makes and reads access tokens."""

    def issue(self, grant: AccessGrant) -> tuple[str, int]:
        """A token for the grant, and the seconds it lives."""
        ...

    def read_grant(self, token: str) -> AccessGrant:
        """The grant in a token. Raises CredentialsRefused."""
        ...


class Authenticate:
    """Checks keys; a client read once is known for a few seconds.

    So a revoked key works for at most KNOWN_FOR_S on replicas that did not revoke it themselves,
    and a busy key costs no query per request, nor a hundred at once when it is read anew. Unknown
    ids are not remembered: they could be made up by the million.
    """

    def __init__(
        self,
        lookup: ClientLookup,
        clock: Clock,
        monotonic_s: Callable[[], float],
        tokens: AccessTokens | None = None,
    ) -> None:
        self._lookup = lookup
        self._clock = clock
        self._monotonic_s = monotonic_s
        self.tokens = tokens
        self._known: OrderedDict[str, tuple[ApiClient, float]] = OrderedDict()
        self._reading: dict[str, asyncio.Future[ApiClient | None]] = {}

    async def client(self, credential: str) -> ApiClient:
        """The active client of a key, or of an access token. Raises CredentialsRefused.

        The client of a token is looked up too: revoking it ends its tokens as well.
        """
        key = ApiKey.parse(credential)
        if key is not None:
            client = await self._active(key.client_id)
            if not key.opens(client.secret_hash):
                raise CredentialsRefused
            return client
        if self.tokens is None:
            raise CredentialsRefused
        grant = self.tokens.read_grant(credential)
        client = await self._active(grant.client_id)
        return replace(client, scopes=client.scopes & grant.scopes)

    async def _active(self, api_client_id: str) -> ApiClient:
        client = await self._find(api_client_id)
        if client is None or client.state(self._clock.now()) is not ApiClientState.ACTIVE:
            raise CredentialsRefused
        return client

    def forget(self, api_client_id: str) -> None:
        """Reads the client anew at its next request."""
        self._known.pop(api_client_id, None)

    async def _find(self, api_client_id: str) -> ApiClient | None:
        known = self._known.get(api_client_id)
        if known is not None and self._monotonic_s() < known[1]:
            return known[0]
        reading = self._reading.get(api_client_id)
        if reading is None:
            reading = asyncio.ensure_future(self._read(api_client_id))
            self._reading[api_client_id] = reading
            reading.add_done_callback(lambda _: self._reading.pop(api_client_id, None))
        # Shielded: one sender that hangs up must not end the read the others wait for.
        return await asyncio.shield(reading)

    async def _read(self, api_client_id: str) -> ApiClient | None:
        client = await self._lookup(api_client_id)
        if client is not None:
            self._known[api_client_id] = (client, self._monotonic_s() + KNOWN_FOR_S)
            self._known.move_to_end(api_client_id)
            if len(self._known) > KNOWN_CLIENTS_MAX:
                self._known.popitem(last=False)
        return client


class RequestRates:
    """The rate of each client and rate class, in this process."""

    def __init__(self, default_per_second: float, monotonic_s: Callable[[], float]) -> None:
        self._default = Rate(default_per_second)
        self._arrivals = _Arrivals(monotonic_s)

    def take(self, client: ApiClient, rate_class: str) -> None:
        """Counts one request. Raises RateExceeded with the seconds to wait."""
        rate = Rate(client.requests_per_second) if client.requests_per_second else self._default
        self._arrivals.take((client.api_client_id, rate_class), rate, rate_class)


class ConnectionRates:
    """The rate of each connection that sends webhooks, in this process."""

    def __init__(self, per_second: float, monotonic_s: Callable[[], float]) -> None:
        self._rate = Rate(per_second)
        self._arrivals = _Arrivals(monotonic_s)

    def take(self, connection_id: str) -> None:
        """Counts one webhook. Raises RateExceeded with the seconds to wait."""
        self._arrivals.take((connection_id, ""), self._rate, "WEBHOOK")


class _Arrivals:
    """The one number the cell rate algorithm keeps per sender."""

    def __init__(self, monotonic_s: Callable[[], float]) -> None:
        self._monotonic_s = monotonic_s
        self._theoretical_s: OrderedDict[tuple[str, str], float] = OrderedDict()

    def take(self, sender: tuple[str, str], rate: Rate, rate_class: str) -> None:
        known_s = self._theoretical_s.get(sender, 0.0)
        arrival_s, wait_s = rate.next_arrival(known_s, self._monotonic_s())
        if wait_s > 0:
            raise RateExceeded(rate_class, wait_s)
        self._theoretical_s[sender] = arrival_s
        self._theoretical_s.move_to_end(sender)
        if len(self._theoretical_s) > KNOWN_CLIENTS_MAX:
            self._theoretical_s.popitem(last=False)
