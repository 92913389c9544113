"""The POSLog connector, as its entry point names it."""

from tandem_connector_sdk.manifest import load_manifest
from tandem_connector_sdk.plugin import Plugin

from tandem_connector_poslog.translator import PoslogTranslator

plugin = Plugin(
    manifest=load_manifest("tandem_connector_poslog"),
    translators=(PoslogTranslator(),),
)
