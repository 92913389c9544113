"""The file of connections: complete and right, or the service does not start."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError
from tandem_connector_sdk.registry import ConnectorUnknown, load_connectors
from tandem_connectors.adapters.connection_file import load_connections
from tandem_connectors.domain.errors import ConnectionUnknown

GOOD = """
connections:
  - id: shop
    connector: shopify
    tenant: demo
    settings: {channel: web}
    secret_files: [current, previous]
  - {id: warehouse, connector: csv_files, tenant: demo}
"""


def _write(folder: Path, content: str) -> Path:
    (folder / "current").write_text("new secret\n")
    (folder / "previous").write_text("old secret")
    path = folder / "connections.yaml"
    path.write_text(content)
    return path


def test_connections_carry_their_plugin_settings_and_secrets(tmp_path: Path) -> None:
    book = load_connections(_write(tmp_path, GOOD), load_connectors())
    shop = book.get("shop")
    assert shop.secrets.values == (b"new secret", b"old secret")
    assert shop.connection.settings == {"channel": "web"}
    assert [item.connection.id for item in book.of_tenant("demo")] == ["shop", "warehouse"]
    assert book.of_tenant("other") == []
    with pytest.raises(ConnectionUnknown):
        book.for_payments("demo", "card")


def test_json_is_read_like_yaml(tmp_path: Path) -> None:
    text = '{"connections": [{"id": "w", "connector": "csv_files", "tenant": "demo"}]}'
    assert load_connections(_write(tmp_path, text), load_connectors()).get("w")


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("id: warehouse", "id: shop", ValueError),
        ("id: shop", "id: Shop!", ValidationError),
        ("connector: shopify", "connector: shopyfi", ConnectorUnknown),
        ("settings:", "setings:", ValidationError),
        ("    tenant: demo\n", "", ValidationError),
        ("[current, previous]", "[missing]", OSError),
        ("[current, previous]", "[]", ValueError),
    ],
)
def test_a_wrong_file_is_refused_at_start(
    tmp_path: Path, old: str, new: str, expected: type[Exception]
) -> None:
    path = _write(tmp_path, GOOD.replace(old, new, 1))
    with pytest.raises(expected):
        load_connections(path, load_connectors())


def test_secrets_are_not_shown_when_the_book_is_printed(tmp_path: Path) -> None:
    book = load_connections(_write(tmp_path, GOOD), load_connectors())
    assert "secret" not in repr(book.get("shop").secrets)
    assert "new secret" not in repr(book.get("shop"))
