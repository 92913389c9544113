"""The demo retailer's connections: a Shopify shop, stores, a warehouse, an ERP, a provider."""

from __future__ import annotations

import yaml

from tandem_local.layout import Layout
from tandem_local.secrets_of_suite import PAYMENTS_KEY, SHOPIFY_SECRET

TENANT = "demo"
SHOPIFY, STORES, WAREHOUSE, ERP, PAYMENTS = (
    "shopify-demo",
    "stores-demo",
    "wms-demo",
    "erp-demo",
    "payments-demo",
)
STORE_LOCATION = "STORE-101"


def write_connections(layout: Layout, provider_url: str) -> None:
    """Writes the file the connectors read at start."""
    entries = [
        _entry(SHOPIFY, "shopify", {"channel": "web"}, [SHOPIFY_SECRET]),
        _entry(STORES, "poslog", _stores(), []),
        _entry(WAREHOUSE, "csv_files", {}, []),
        _entry(ERP, "csv_files", {}, []),
        _entry(
            PAYMENTS,
            "payment_simulator",
            {"base_url": provider_url},
            [PAYMENTS_KEY],
        ),
    ]
    layout.connections.write_text(yaml.safe_dump({"connections": entries}, sort_keys=False))


def _entry(
    connection_id: str, connector: str, settings: dict[str, object], secrets: list[str]
) -> dict[str, object]:
    return {
        "id": connection_id,
        "connector": connector,
        "tenant": TENANT,
        "settings": settings,
        "secret_files": [f"secrets/{name}" for name in secrets],
        "poll_interval_s": 1,
    }


def _stores() -> dict[str, object]:
    store = {"location": STORE_LOCATION, "channel": "store-101", "time_zone": "America/New_York"}
    return {"stores": {"101": store}, "time_zone": "America/New_York", "currency": "USD"}
