"""API clients between protobuf and values."""

from __future__ import annotations

from datetime import UTC, datetime

from google.protobuf.timestamp_pb2 import Timestamp
from tandem.gateway.v1 import api_client_pb2, api_client_service_pb2

from tandem_gateway.application.manage_api_clients import CreateApiClient
from tandem_gateway.domain.api_client import ApiClient, ApiClientState

_STATES = {
    ApiClientState.ACTIVE: api_client_pb2.ApiClient.STATE_ACTIVE,
    ApiClientState.REVOKED: api_client_pb2.ApiClient.STATE_REVOKED,
    ApiClientState.EXPIRED: api_client_pb2.ApiClient.STATE_EXPIRED,
}


def to_create(request: api_client_service_pb2.CreateApiClientRequest) -> CreateApiClient:
    """The command in a request."""
    expires = request.expire_time if request.HasField("expire_time") else None
    return CreateApiClient(
        display_name=request.display_name,
        scopes=frozenset(request.scopes),
        channel=request.channel,
        requests_per_second=request.requests_per_second,
        expires_at=expires.ToDatetime(tzinfo=UTC) if expires else None,
    )


def from_client(client: ApiClient, now: datetime) -> api_client_pb2.ApiClient:
    """A client as it is shown: without anything of its key."""
    return api_client_pb2.ApiClient(
        id=client.api_client_id,
        display_name=client.display_name,
        scopes=sorted(client.scopes),
        channel=client.channel,
        requests_per_second=client.requests_per_second,
        state=_STATES[client.state(now)],
        create_time=_timestamp(client.created_at),
        expire_time=_timestamp(client.expires_at),
        revoke_time=_timestamp(client.revoked_at),
    )


def _timestamp(instant: datetime | None) -> Timestamp | None:
    if instant is None:
        return None
    stamp = Timestamp()
    stamp.FromDatetime(instant)
    return stamp
