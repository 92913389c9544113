"""The connector to the simulated provider, as its entry point names it."""

from functools import partial

from tandem_connector_sdk.manifest import load_manifest
from tandem_connector_sdk.plugin import Plugin

from tandem_connector_payment_simulator.client import open_client
from tandem_connector_payment_simulator.transactions import TransactionsTranslator

_MANIFEST = load_manifest("tandem_connector_payment_simulator")

plugin = Plugin(
    manifest=_MANIFEST,
    translators=(TransactionsTranslator(),),
    open_client=partial(open_client, hosts=frozenset(_MANIFEST.network.hosts)),
)
