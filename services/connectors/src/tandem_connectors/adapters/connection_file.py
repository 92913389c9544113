"""Reads the connections from the file named by TANDEM_CONNECTIONS_FILE (YAML or JSON).

    connections:
      - id: shopify-demo
        connector: shopify
        tenant: demo
        settings: {channel: web}
        secret_files: [secrets/shopify.current, secrets/shopify.previous]
      - id: payments-demo
        connector: payment_simulator
        tenant: demo
        poll_interval_s: 2
        settings: {base_url: "http://127.0.0.1:7070"}
        secret_files: [secrets/payments.key]

Secrets are files beside it, so that the file itself can be shown and kept in version control.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import yaml
from pydantic import BaseModel, ConfigDict, Field
from tandem_connector_sdk.documents import SecretSet
from tandem_connector_sdk.plugin import Plugin
from tandem_connector_sdk.registry import ConnectorUnknown

from tandem_connectors.application.connection_book import Configured, ConnectionBook
from tandem_connectors.domain.connection import Connection

SECRETS_MAX = 4


class ConnectionEntry(BaseModel):
    """One entry; unknown keys are refused, since a misspelt setting would be silently without
    effect."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,63}$")]
    connector: str
    tenant: Annotated[str, Field(min_length=1, max_length=64)]
    settings: dict[str, Any] = {}
    secret_files: Annotated[list[Path], Field(max_length=SECRETS_MAX)] = []
    poll_interval_s: Annotated[int, Field(ge=1, le=86_400)] = 2


class ConnectionFile(BaseModel):
    """The whole file."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    connections: list[ConnectionEntry]


def load_connections(path: Path, plugins: Mapping[str, Plugin]) -> ConnectionBook:
    """Raises pydantic.ValidationError, ConnectorUnknown, ValueError for a doubled id, or OSError
    for a secret that cannot be read: a connection set up half must not start."""
    file = ConnectionFile.model_validate(yaml.safe_load(path.read_text("utf-8")))
    ids = [entry.id for entry in file.connections]
    doubled = sorted({connection_id for connection_id in ids if ids.count(connection_id) > 1})
    if doubled:
        raise ValueError(f"{path}: connection {doubled[0]} is there twice")
    return ConnectionBook(_configured(entry, path.parent, plugins) for entry in file.connections)


def _configured(entry: ConnectionEntry, folder: Path, plugins: Mapping[str, Plugin]) -> Configured:
    if entry.connector not in plugins:
        raise ConnectorUnknown(f"connection {entry.id}: no connector {entry.connector}")
    plugin = plugins[entry.connector]
    secrets = tuple((folder / name).read_bytes().strip() for name in entry.secret_files)
    if plugin.verifier is not None and not any(secrets):
        raise ValueError(f"connection {entry.id}: webhooks need a secret")
    connection = Connection(
        entry.id, entry.connector, entry.tenant, entry.settings, entry.poll_interval_s
    )
    return Configured(connection, plugin, SecretSet(secrets))
