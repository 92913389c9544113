"""Webhooks as Shopify sends them: its field names, its signature."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import Any


@dataclass(frozen=True)
class ShopLine:
    """One line: prices and tax as decimal text."""

    id: int
    sku: str
    quantity: int
    price: str
    tax: str
    discount: str = "0.00"


@dataclass(frozen=True)
class ShopOrder:
    """What a customer ordered; totals as the shop states them."""

    id: int
    name: str
    lines: tuple[ShopLine, ...]
    shipping: str
    shipping_tax: str
    total: str
    placed_at: datetime


def order_body(order: ShopOrder) -> bytes:
    """The body of ``orders/create``."""
    placed = order.placed_at.isoformat()
    body = {
        "id": order.id,
        "name": order.name,
        "test": False,
        "created_at": placed,
        "processed_at": placed,
        "cancelled_at": None,
        "currency": "USD",
        "presentment_currency": "USD",
        "email": "buyer@example.test",
        "taxes_included": False,
        "total_price": order.total,
        "financial_status": "authorized",
        "payment_gateway_names": ["shopify_payments"],
        "source_name": "web",
        "line_items": [_line(line) for line in order.lines],
        "shipping_lines": [_shipping(order)],
        "shipping_address": {
            "name": "Ada Example",
            "address1": "1 Example Way",
            "city": "Albany",
            "province_code": "NY",
            "zip": "12207",
            "country_code": "US",
        },
    }
    return json.dumps(body).encode()


def _line(line: ShopLine) -> dict[str, Any]:
    return {
        "id": line.id,
        "sku": line.sku,
        "title": line.sku,
        "quantity": line.quantity,
        "price": line.price,
        "gift_card": False,
        "requires_shipping": True,
        "discount_allocations": [{"amount": line.discount, "discount_application_index": 0}]
        if line.discount != "0.00"
        else [],
        "tax_lines": [{"title": "US-NY", "price": line.tax, "rate": 0.08, "channel_liable": False}],
    }


def _shipping(order: ShopOrder) -> dict[str, Any]:
    return {
        "title": "Standard",
        "price": order.shipping,
        "discount_allocations": [],
        "tax_lines": [
            {"title": "US-NY", "price": order.shipping_tax, "rate": 0.08, "channel_liable": False}
        ],
    }


@dataclass(frozen=True)
class ShopRefundLine:
    """Goods given back."""

    line_id: int
    quantity: int
    subtotal: str
    tax: str
    restock_type: str = "return"


def refund_body(
    refund_id: int, order_id: int, lines: tuple[ShopRefundLine, ...], at: datetime
) -> bytes:
    """The body of ``refunds/create``."""
    amount = sum(_cents(line.subtotal) + _cents(line.tax) for line in lines)
    body = {
        "id": refund_id,
        "order_id": order_id,
        "created_at": at.isoformat(),
        "refund_line_items": [
            {
                "id": refund_id + n,
                "line_item_id": line.line_id,
                "quantity": line.quantity,
                "restock_type": line.restock_type,
                "location_id": None,
                "subtotal": line.subtotal,
                "total_tax": line.tax,
                "subtotal_set": {"shop_money": {"amount": line.subtotal, "currency_code": "USD"}},
            }
            for n, line in enumerate(lines, start=1)
        ],
        "order_adjustments": [],
        "transactions": [
            {
                "id": refund_id + 100,
                "kind": "refund",
                "status": "success",
                "amount": f"{amount // 100}.{amount % 100:02d}",
                "currency": "USD",
                "gateway": "shopify_payments",
            }
        ],
    }
    return json.dumps(body).encode()


def _cents(text: str) -> int:
    whole, _, cents = text.partition(".")
    return int(whole) * 100 + int(cents)


def signed_headers(topic: str, body: bytes, secret: str, event_id: str = "") -> dict[str, str]:
    """Headers of a delivery; ``event_id`` repeats for a delivery sent again."""
    digest = hmac.new(secret.encode(), body, hashlib.sha256).digest()
    return {
        "Content-Type": "application/json",
        "X-Shopify-Topic": topic,
        "X-Shopify-Shop-Domain": "demo.example.test",
        "X-Shopify-API-Version": "2026-04",
        "X-Shopify-Webhook-Id": str(uuid.uuid4()),
        "X-Shopify-Event-Id": event_id or str(uuid.uuid4()),
        "X-Shopify-Hmac-Sha256": base64.b64encode(digest).decode(),
    }
