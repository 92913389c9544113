"""The journal over gRPC: the servicer every service with events offers, and its client."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol

import grpc
from tandem.ops.v1 import journal_service_pb2, journal_service_pb2_grpc
from tandem_core.errors import NotFound

from tandem_platform.aggregate_key import AggregateKey
from tandem_platform.delivery import Delivery, from_record
from tandem_platform.event_journal import published_headers
from tandem_platform.journal_store import (
    JournalStore,
    NewestVersion,
    StoredEvent,
    VersionsQuery,
)
from tandem_platform.pagination import PageTokens, page_size
from tandem_platform.remote_error import RemoteError

AGGREGATES_PAGE_DEFAULT = 500
AGGREGATES_PAGE_MAX = 500
READ_TIMEOUT_S = 5.0
LIST_TIMEOUT_S = 20.0


class JournalServicer(journal_service_pb2_grpc.JournalServiceServicer):
    """Serves `tandem.ops.v1.JournalService` from this service's database."""

    def __init__(self, store: JournalStore, source: str, page_tokens: PageTokens) -> None:
        self._store = store
        self._source = source
        self._page_tokens = page_tokens

    async def ReadEvents(  # noqa: N802
        self, request: journal_service_pb2.ReadEventsRequest, context: object
    ) -> journal_service_pb2.ReadEventsResponse:
        """A range of one aggregate's events. Raises NotFound when it has none."""
        key = AggregateKey(request.tenant, request.aggregate_type, request.aggregate_id)
        stored, newest = await self._store.events(key, request.from_version, request.to_version)
        if newest == 0:
            raise NotFound(resource=request.aggregate_type, id=request.aggregate_id)
        return journal_service_pb2.ReadEventsResponse(
            events=[to_record(one, self._source) for one in stored], newest_version=newest
        )

    async def ListAggregateVersions(  # noqa: N802
        self, request: journal_service_pb2.ListAggregateVersionsRequest, context: object
    ) -> journal_service_pb2.ListAggregateVersionsResponse:
        """One page of aggregates and their newest versions."""
        position = self._page_tokens.decode(request.page_token, request)
        after = AggregateKey(*(str(part) for part in position)) if position else None
        size = page_size(
            request.page_size, default=AGGREGATES_PAGE_DEFAULT, size_max=AGGREGATES_PAGE_MAX
        )
        found = await self._store.versions(_query_of(request), after, size + 1)
        response = journal_service_pb2.ListAggregateVersionsResponse(
            aggregates=[_to_aggregate(one) for one in found[:size]]
        )
        if len(found) > size:
            last = found[size - 1].key
            response.next_page_token = self._page_tokens.encode(
                (last.tenant, last.aggregate_type, last.aggregate_id), request
            )
        return response


@dataclass(frozen=True)
class JournalPage:
    """Events read for a repair, and the newest version of their aggregate."""

    deliveries: Sequence[Delivery]
    newest_version: int


class JournalSource(Protocol):
    """Where a consumer repairs gaps from. Calls raise RemoteError."""

    async def read(self, key: AggregateKey, from_version: int, to_version: int) -> JournalPage:
        """Events of one aggregate; ``to_version`` 0 for all there are. Empty when unknown."""
        ...

    async def versions(
        self, query: VersionsQuery, page_token: str
    ) -> tuple[Sequence[NewestVersion], str]:
        """One page of aggregates and the token of the next page, empty at the end."""
        ...


class JournalClient:
    """A `JournalSource` over a channel to the service ``source``."""

    def __init__(self, channel: grpc.aio.Channel, source: str) -> None:
        self._stub = journal_service_pb2_grpc.JournalServiceStub(channel)
        self._source = source

    async def read(self, key: AggregateKey, from_version: int, to_version: int) -> JournalPage:
        """See `JournalSource`."""
        request = journal_service_pb2.ReadEventsRequest(
            tenant=key.tenant,
            aggregate_type=key.aggregate_type,
            aggregate_id=key.aggregate_id,
            from_version=from_version,
            to_version=to_version,
        )
        try:
            response = await self._stub.ReadEvents(request, timeout=READ_TIMEOUT_S)
        except RemoteError as error:
            if error.reason == NotFound.reason:
                return JournalPage([], 0)
            raise
        deliveries = [from_record(record, self._source) for record in response.events]
        return JournalPage(deliveries, response.newest_version)

    async def versions(
        self, query: VersionsQuery, page_token: str
    ) -> tuple[Sequence[NewestVersion], str]:
        """See `JournalSource`."""
        request = journal_service_pb2.ListAggregateVersionsRequest(
            aggregate_types=query.aggregate_types,
            partitions=query.partitions,
            page_token=page_token,
        )
        if query.since is not None:
            request.since_time.FromDatetime(query.since)
        response = await self._stub.ListAggregateVersions(request, timeout=LIST_TIMEOUT_S)
        found = [
            NewestVersion(
                AggregateKey(one.tenant, one.aggregate_type, one.aggregate_id),
                one.version,
                one.record_time.ToDatetime(tzinfo=UTC),
            )
            for one in response.aggregates
        ]
        return found, response.next_page_token


def to_record(stored: StoredEvent, source: str) -> journal_service_pb2.JournalRecord:
    """A stored event on the wire."""
    event = stored.event
    record = journal_service_pb2.JournalRecord(
        event_id=event.event_id,
        event_type=event.event_type,
        aggregate_type=event.aggregate_type,
        aggregate_id=event.aggregate_id,
        aggregate_version=event.aggregate_version,
        tenant=event.tenant,
        payload=event.payload,
        headers=published_headers(event, source),
    )
    record.occur_time.FromDatetime(event.occurred_at)
    record.record_time.FromDatetime(stored.recorded_at)
    return record


def _query_of(request: journal_service_pb2.ListAggregateVersionsRequest) -> VersionsQuery:
    since: datetime | None = None
    if request.HasField("since_time"):
        since = request.since_time.ToDatetime(tzinfo=UTC)
    return VersionsQuery(list(request.aggregate_types), since, list(request.partitions))


def _to_aggregate(newest: NewestVersion) -> journal_service_pb2.AggregateVersion:
    aggregate = journal_service_pb2.AggregateVersion(
        tenant=newest.key.tenant,
        aggregate_type=newest.key.aggregate_type,
        aggregate_id=newest.key.aggregate_id,
        version=newest.version,
    )
    aggregate.record_time.FromDatetime(newest.recorded_at)
    return aggregate
