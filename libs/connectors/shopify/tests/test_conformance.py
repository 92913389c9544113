"""Shopify passes the suite every connector passes."""

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping
from pathlib import Path

import pytest
from tandem_connector_sdk.conformance import BronzeConformance, Case, SignatureConformance
from tandem_connector_shopify.plugin import plugin
from tandem_connector_shopify.signature import ShopifySignature

FIXTURES = Path(__file__).parent.parent / "fixtures"


def _add_unknown(body: bytes) -> bytes:
    payload = json.loads(body, parse_float=str)
    top = payload.get("order", payload)
    for part in (payload, top, *top.get("line_items", []), *top.get("refund_line_items", [])):
        part["added_by_a_newer_version"] = {"nested": [1, "x", None]}
    return json.dumps(payload).encode()


@pytest.fixture
def case() -> Case:
    """The connector with its own samples."""
    orders = [path.name for path in FIXTURES.glob("order_*.json") if "golden" not in path.name]
    refunds = [path.name for path in FIXTURES.glob("refund_*.json") if "golden" not in path.name]
    return Case(
        plugin=plugin,
        folder=FIXTURES,
        kinds=dict.fromkeys(sorted(orders), "orders/create")
        | dict.fromkeys(sorted(refunds), "refunds/create"),
        add_unknown=_add_unknown,
        personal=(
            "canary.mail",
            "202-555-0143",
            "canary note",
            "Canary",
            "Hidden Street",
            "Example Lane",
        ),
    )


class TestShopifyIsBronze(BronzeConformance):
    """The translation rules of the suite."""


class TestShopifySignature(SignatureConformance):
    """The signature rules of the suite."""

    signature_header = "x-shopify-hmac-sha256"

    def verifier(self) -> ShopifySignature:
        """The verifier under test."""
        return ShopifySignature()

    def signed(self, body: bytes, secret: bytes) -> Mapping[str, str]:
        """Headers as Shopify sends them."""
        digest = hmac.new(secret, body, hashlib.sha256).digest()
        return {
            "x-shopify-hmac-sha256": base64.b64encode(digest).decode(),
            "x-shopify-topic": "orders/create",
            "x-shopify-webhook-id": "b54557e4-bdd9-4b37-8a5f-bf7d70bcd043",
            "x-shopify-event-id": "98880550-7158-44d4-b7cd-2c97c8a091b5",
            "x-shopify-triggered-at": "2026-03-01T11:59:58.123Z",
        }
