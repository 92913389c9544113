"""The first API client: its key comes from a file, since nobody can make it through the door."""

from __future__ import annotations

from tandem_platform.process import Runtime

from tandem_gateway.adapters.postgres.api_client_repository import PostgresApiClients
from tandem_gateway.domain.api_client import ApiClient
from tandem_gateway.domain.api_key import ApiKey
from tandem_gateway.settings import GatewaySettings

DISPLAY_NAME = "bootstrap"


class BootstrapKeyUnreadable(ValueError):
    """The file holds no API key of the form ``tdm_<environment>_<id>_<secret>``."""


async def store_bootstrap_key(
    settings: GatewaySettings, runtime: Runtime, scopes: frozenset[str]
) -> None:
    """Inserts the client of the file, or brings it up to date: every scope, every channel.

    A key revoked before works again after this: the file is the operator's way back in.
    """
    path = settings.bootstrap_api_key_file
    if path is None:
        return
    key = ApiKey.parse(path.read_text().strip())
    if key is None:
        raise BootstrapKeyUnreadable(f"{path} holds no API key")
    client = ApiClient(
        api_client_id=key.client_id,
        tenant=settings.bootstrap_tenant,
        display_name=DISPLAY_NAME,
        scopes=scopes,
        channel="",
        requests_per_second=0,
        secret_hash=key.secret_hash(),
        created_at=runtime.clock.now(),
    )
    async with runtime.units() as uow:
        await PostgresApiClients(uow.connection).save(client)
        await uow.commit()
