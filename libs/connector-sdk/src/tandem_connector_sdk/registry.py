"""Finds connectors: every distribution with an entry point of group `tandem.connectors`."""

from importlib.metadata import entry_points

from tandem_connector_sdk.plugin import Plugin

GROUP = "tandem.connectors"


class ConnectorUnknown(Exception):
    """A connection names a connector that is not installed."""


def load_connectors() -> dict[str, Plugin]:
    """All installed connectors by name.

    Raises ValueError when an entry point is no plug-in, has another name than its manifest, or
    names what another already has: a wrong one found at start harms nobody.
    """
    found: dict[str, Plugin] = {}
    for entry in entry_points(group=GROUP):
        plugin = entry.load()
        if not isinstance(plugin, Plugin):
            raise ValueError(f"entry point {entry.value} is no connector plug-in")
        if plugin.manifest.connector != entry.name:
            raise ValueError(f"entry point {entry.name} names {plugin.manifest.connector}")
        if entry.name in found:
            raise ValueError(f"two distributions offer the connector {entry.name}")
        found[entry.name] = plugin
    return found
