"""All configured connections with their connectors: what else would be looked up everywhere."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from tandem_connector_sdk.documents import SecretSet
from tandem_connector_sdk.plugin import Plugin

from tandem_connectors.domain.connection import Connection
from tandem_connectors.domain.errors import ConnectionUnknown


@dataclass(frozen=True, slots=True)
class Configured:
    """A connection, the plug-in behind it, and its secrets."""

    connection: Connection
    plugin: Plugin
    secrets: SecretSet = field(repr=False)


class ConnectionBook:
    """Read at start; ids are unique over all tenants, since a webhook names nothing else."""

    def __init__(self, configured: Iterable[Configured]) -> None:
        self._by_id: Mapping[str, Configured] = {item.connection.id: item for item in configured}

    def get(self, connection_id: str) -> Configured:
        """Raises ConnectionUnknown."""
        found = self._by_id.get(connection_id)
        if found is None:
            raise ConnectionUnknown(connection_id)
        return found

    def of_tenant(self, tenant: str) -> list[Configured]:
        """A tenant's connections by id."""
        mine = [item for item in self._by_id.values() if item.connection.tenant == tenant]
        return sorted(mine, key=lambda item: item.connection.id)

    def all(self) -> list[Configured]:
        """Every connection by id."""
        return [self._by_id[key] for key in sorted(self._by_id)]

    def for_payments(self, tenant: str, method: str) -> Configured:
        """The tenant's first connection that takes payments by this method.

        Raises ConnectionUnknown, which parks the order's events until one is configured.
        """
        for item in self.of_tenant(tenant):
            if item.plugin.manifest.egress and item.connection.takes_payment_method(method):
                return item
        raise ConnectionUnknown(f"payments by {method} of {tenant}")
