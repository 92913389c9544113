"""What a connection to one shop configures, and the codes this connector knows by itself."""

from importlib import resources

import yaml
from tandem_connector_sdk.documents import Finding, TranslationContext
from tandem_connector_sdk.json_fields import JsonFields

CHANNEL_DEFAULT = "web"
PAYMENT_METHOD_DEFAULT = "unknown"


def _known_methods() -> dict[str, str]:
    text = resources.files(__package__).joinpath("mapping/payment_methods.yaml").read_text("utf-8")
    return {str(gateway): str(method) for gateway, method in yaml.safe_load(text).items()}


PAYMENT_METHODS = _known_methods()


def channel_of(context: TranslationContext) -> str:
    """The sales channel orders of this shop belong to: setting `channel`."""
    return str(context.settings.get("channel", CHANNEL_DEFAULT))


def payment_method_of(order: JsonFields, context: TranslationContext) -> tuple[str, Finding | None]:
    """The method behind the order's gateway: setting `payment_methods`, then the mapping file.

    An unknown gateway keeps its own name and is told: nothing is decided on it here.
    """
    gateway = _gateway(order)
    configured = context.settings.get("payment_methods", {})
    known = {**PAYMENT_METHODS, **(configured if isinstance(configured, dict) else {})}
    if gateway in known:
        return str(known[gateway]), None
    name = gateway[:64] or PAYMENT_METHOD_DEFAULT
    return name, Finding("PAYMENT_METHOD_UNMAPPED", name)


def _gateway(order: JsonFields) -> str:
    names = order.texts("payment_gateway_names")
    return names[0] if names else order.text("gateway", "")
