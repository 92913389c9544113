"""How many decimal digits a SKU's quantity has; a connection's setting `sku_scales`."""

from collections.abc import Mapping

from tandem_connector_sdk.documents import TranslationContext


class Scales:
    """0 for every SKU the connection does not name: it is sold by the piece."""

    def __init__(self, context: TranslationContext) -> None:
        configured = context.settings.get("sku_scales")
        self._scales = configured if isinstance(configured, Mapping) else {}

    def of(self, sku: str) -> int:
        """Decimal digits between the unit in the file and the SKU's minor unit."""
        scale = self._scales.get(sku, 0)
        return scale if isinstance(scale, int) else 0
