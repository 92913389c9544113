"""The Shopify connector, as its entry point names it."""

from tandem_connector_sdk.manifest import load_manifest
from tandem_connector_sdk.plugin import Plugin

from tandem_connector_shopify.orders import OrderTranslator
from tandem_connector_shopify.refunds import RefundTranslator
from tandem_connector_shopify.signature import ShopifySignature

plugin = Plugin(
    manifest=load_manifest("tandem_connector_shopify"),
    translators=(OrderTranslator(), RefundTranslator()),
    verifier=ShopifySignature(),
)
