"""A first small trading day, played through the same doors a real user would use.

Each step waits until its effect can be seen from outside. The day is told its number, so that a
second day on the same data is another day and not a repeat.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import httpx

from tandem_local import store_and_warehouse_files as files
from tandem_local.demo_connections import ERP, SHOPIFY, STORE_LOCATION, STORES, WAREHOUSE
from tandem_local.layout import Layout
from tandem_local.rest_client import RestClient, wait_for
from tandem_local.secrets_of_suite import PAYMENTS_KEY, SHOPIFY_SECRET
from tandem_local.shopify_payloads import (
    ShopLine,
    ShopOrder,
    ShopRefundLine,
    order_body,
    refund_body,
    signed_headers,
)

DC = "DC-1"
TEE, CAP, MUG = "TEE-BLUE-M", "CAP-RED", "MUG-1"
SEQUENCES_PER_DAY = 1_000
COUNTS = (
    (TEE, DC, 40),
    (CAP, DC, 25),
    (MUG, DC, 10),
    (TEE, STORE_LOCATION, 8),
    (MUG, STORE_LOCATION, 6),
)
PLANTED_MINOR = 4_242

Say = Callable[[str], None]


@dataclass
class DayResult:
    """What the day leaves behind for the report."""

    number: int
    order_id: str = ""
    trace_id: str = ""
    sale_id: str = ""
    rejected_id: str = ""
    planted_ref: str = ""
    exceptions: list[dict[str, Any]] = field(default_factory=list)
    runs: list[dict[str, Any]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


class TradingDay:
    """Plays the day's steps in order."""

    def __init__(
        self, rest: RestClient, provider_url: str, layout: Layout, number: int, say: Say
    ) -> None:
        self._rest = rest
        self._provider_url = provider_url
        self._layout = layout
        self._say = say
        self.result = DayResult(number)
        self._shop_order_id = 5_500_000_000_000 + number
        self._name = f"#{1_000 + number}"
        self._sequence = number * SEQUENCES_PER_DAY

    def play(self) -> DayResult:
        """Plays all steps. Raises NotReached naming the first effect that did not come."""
        for step in (
            self.open_shop,
            self.receive_stock,
            self.take_web_order,
            self.ship_web_order,
            self.take_store_sale,
            self.refund_with_restock,
            self.refuse_too_large_order,
            self.show_bad_input,
            self.reconcile,
        ):
            step()
        return self.result

    def open_shop(self) -> None:
        """Items and locations of the demo retailer."""
        items = [{"sku": sku, "title": sku, "quantityScale": 0} for sku in (TEE, CAP, MUG)]
        self._rest.post("/v1/items:put", {"items": items})
        locations = [
            {"id": DC, "kind": "KIND_DISTRIBUTION_CENTRE", "priority": 1, "ships": True},
            {"id": STORE_LOCATION, "kind": "KIND_STORE", "priority": 5, "ships": False},
        ]
        self._rest.post("/v1/locations:put", {"locations": locations})
        # The warehouse counts; without a registration its reports would be refused.
        warehouse = {
            "id": f"{WAREHOUSE}/*",
            "kind": "KIND_WMS",
            "sequencing": "SEQUENCING_SEQ",
            "snapshotSemantics": {"includesAllocated": True},
            "owns": [{"location": "*"}],
        }
        self._rest.post("/v1/stock-sources:put", {"sources": [warehouse]})
        self._say("catalogue: 3 items, 1 distribution centre, 1 store")

    def receive_stock(self) -> None:
        """A receipt with costs from the ERP, a counted snapshot and deltas from the warehouse."""
        now, number = _now(), self.result.number
        costs = [(TEE, DC, 60, "12.50"), (CAP, DC, 30, "8.00"), (MUG, DC, 20, "3.25")]
        self._put(ERP, f"receipts-{number}.csv", files.goods_receipts(f"REC-{number}", costs, now))
        snapshot = files.stock_snapshot(self._sequence, f"SNAP-{number}", COUNTS, now)
        self._put(WAREHOUSE, f"stock-{number}.csv", snapshot)
        self._move(files.Movement(self._next(), MUG, DC, 5, "RECEIPT", f"REC-{number}"))
        self._wait_position(MUG, DC, lambda p: _int(p, "onHand") == 15)
        self._wait_position(TEE, DC, lambda p: _int(p, "onHand") == 40)
        self._say("stock: snapshot of 5 rows and a delta of +5 applied")

    def _put(self, connection: str, name: str, content: str) -> dict[str, Any]:
        return self._rest.put_file(connection, name, content)

    def _next(self) -> int:
        self._sequence += 1
        return self._sequence

    def _move(self, *movements: files.Movement) -> None:
        name = f"moves-{movements[0].sequence}.csv"
        self._put(WAREHOUSE, name, files.stock_movements(movements, _now()))

    def _wait_position(
        self, sku: str, location: str, holds: Callable[[dict[str, Any]], bool]
    ) -> dict[str, Any]:
        def look() -> dict[str, Any] | None:
            page = self._rest.get("/v1/stock-positions", sku=sku, location=location)
            found = page.get("stockPositions", [])
            return found[0] if found and holds(found[0]) else None

        return wait_for(f"stock of {sku} at {location}", look)

    def take_web_order(self) -> None:
        """A Shopify order: verified, stored, translated, reserved, authorised and captured."""
        body = order_body(self._shop_order())
        headers = signed_headers("orders/create", body, self._secret(SHOPIFY_SECRET))
        answers = [self._rest.webhook(SHOPIFY, headers, body) for _ in range(2)]
        if any(answer.status_code != 200 for answer in answers):
            raise RuntimeError(f"webhook answered {[a.status_code for a in answers]}")
        order = self._wait_order(self._shop_order_id, "STATE_RELEASED")
        self.result.order_id, self.result.trace_id = order["id"], order.get("traceId", "")
        self._say(f"web order {self._name}: reserved, authorised, captured (delivered twice)")

    def _secret(self, name: str) -> str:
        return self._layout.secret(name).read_text().strip()

    def _shop_order(self) -> ShopOrder:
        lines = (
            ShopLine(self._line_id(1), TEE, 2, "50.00", "7.20", discount="10.00"),
            ShopLine(self._line_id(2), CAP, 1, "20.00", "1.60"),
        )
        return ShopOrder(self._shop_order_id, self._name, lines, "8.00", "0.64", "127.44", _now())

    def _line_id(self, place: int) -> int:
        return self._shop_order_id * 10 + place

    def _wait_order(self, external_id: object, *states: str) -> dict[str, Any]:
        def look() -> dict[str, Any] | None:
            found = self._rest.get("/v1/orders", externalId=str(external_id)).get("orders", [])
            return found[0] if found and found[0]["state"] in states else None

        return wait_for(f"order {external_id} in {' or '.join(states)}", look)

    def ship_web_order(self) -> None:
        """The warehouse ships: confirmation and physical movements, in that order of arrival."""
        shipment, now = f"SHP-{self.result.number}", _now()
        goods = [(TEE, 2), (CAP, 1)]
        content = files.shipments(shipment, self._name, DC, goods, now)
        self._put(WAREHOUSE, f"shipment-{shipment}.csv", content)
        self._wait_order(self._shop_order_id, "STATE_SHIPPED", "STATE_COMPLETED")
        self._move(
            *(files.Movement(self._next(), s, DC, -q, "SHIPMENT", shipment) for s, q in goods)
        )
        for sku in (TEE, CAP):
            self._wait_position(sku, DC, _settled)
        self._wait_order(self._shop_order_id, "STATE_COMPLETED")
        self._wait_journals(self.result.order_id, 3)
        self._say(f"shipment {shipment}: stock settled, revenue, tax, cost and payment posted")

    def _wait_journals(self, order_id: str, count: int) -> None:
        def look() -> bool:
            found = self._rest.get("/v1/journals", orderId=order_id).get("journals", [])
            return len(found) >= count

        wait_for(f"{count} journals of order {order_id}", look)

    def take_store_sale(self) -> None:
        """A cash sale from a POSLog file."""
        sequence = 40 + self.result.number
        lines = [
            files.ReceiptLine(TEE, 1, "50.00", "4.00"),
            files.ReceiptLine(MUG, 2, "18.00", "1.44"),
        ]
        before = self._wait_position(TEE, STORE_LOCATION, lambda p: True)
        content = files.poslog(sequence, lines, "80.00", "6.56", _now())
        self._put(STORES, f"poslog-{sequence}.xml", content)
        sold = _int(before, "onHand") - 1
        self._wait_position(TEE, STORE_LOCATION, lambda p: _int(p, "onHand") == sold)
        sale = wait_for("the store sale", self._newest_sale)
        self.result.sale_id = sale["id"]
        self._wait_journals(sale["id"], 1)
        self._say(f"store sale {sequence}: 3 units, 73.44 USD in cash, posted")

    def _newest_sale(self) -> dict[str, Any] | None:
        found = self._rest.get("/v1/orders", channel="store-101").get("orders", [])
        return found[0] if found and found[0]["state"] == "STATE_COMPLETED" else None

    def refund_with_restock(self) -> None:
        """The customer sends one tee back; it is sellable again."""
        before = self._wait_position(TEE, DC, lambda p: True)
        line = ShopRefundLine(self._line_id(1), 1, "45.00", "3.60")
        refund_id = 8_800_000 + self.result.number * 1_000
        body = refund_body(refund_id, self._shop_order_id, (line,), _now())
        headers = signed_headers("refunds/create", body, self._secret(SHOPIFY_SECRET))
        self._rest.webhook(SHOPIFY, headers, body)
        self._wait_order(self._shop_order_id, "STATE_PARTIALLY_RETURNED")
        back = _int(before, "onHand") + 1
        self._wait_position(TEE, DC, lambda p: _int(p, "onHand") == back)
        self._wait_journals(self.result.order_id, 5)
        self._say("refund: 1 tee back in stock, 48.60 USD back to the customer, posted")

    def refuse_too_large_order(self) -> None:
        """More than there is: refused with alternatives, nothing reserved."""
        before = self._wait_position(MUG, DC, lambda p: True)
        order = self._rest.post("/v1/orders", self._too_large())["order"]
        if order["state"] != "STATE_REJECTED":
            order = self._wait_order(order["externalRef"]["id"], "STATE_REJECTED")
        after = self._wait_position(MUG, DC, lambda p: True)
        if _int(after, "available") != _int(before, "available"):
            raise RuntimeError("a refused order left something reserved")
        self.result.rejected_id = order["id"]
        short = order["shortages"][0]
        offered = ", ".join(f"{a['available']} at {a['location']}" for a in short["alternatives"])
        self._say(f"order for {short['requested']} {MUG}: refused; could offer {offered}")

    def _too_large(self) -> dict[str, Any]:
        amount = {"currencyCode": "USD", "minorUnits": "900000"}
        line = {"lineRef": "1", "sku": MUG, "quantity": "1000", "listAmount": amount}
        ref = {"system": "api", "type": "order", "id": f"LARGE-{self.result.number}"}
        order = {
            "externalRef": ref,
            "channel": "web",
            "currencyCode": "USD",
            "placeTime": _now().isoformat().replace("+00:00", "Z"),
            "lines": [line],
            "paymentMethod": "card",
        }
        return {"order": order, "waitMs": 5000}

    def show_bad_input(self) -> None:
        """A forged webhook and a truncated file: refused and parked, each with its reason."""
        body = order_body(self._shop_order())
        forged = signed_headers("orders/create", body, "not the secret")
        status = self._rest.webhook(SHOPIFY, forged, body).status_code
        self.result.notes.append(f"forged webhook: {status}, nothing stored")
        whole = files.stock_snapshot(self._next(), f"CUT-{self.result.number}", COUNTS, _now())
        cut = "".join(whole.splitlines(keepends=True)[:-2]) + whole.splitlines()[-1] + "\n"
        name = f"cut-{self.result.number}.csv"
        document_id = self._put(WAREHOUSE, name, cut)["document"]["id"]
        document = wait_for("the truncated file", lambda: self._parked(document_id))
        self.result.notes.append(
            f"truncated stock file {name}: parked, {document['reason']} at {document['field']}"
        )
        self._say("bad input: forged webhook refused, truncated stock file parked")

    def _parked(self, document_id: str) -> dict[str, Any] | None:
        document = self._rest.get(f"/v1/inbound-documents/{document_id}")["document"]
        return document if document["state"] == "STATE_PARKED" else None

    def reconcile(self) -> None:
        """A capture nobody ordered is planted at the provider; the checkpoints must find it."""
        planted = httpx.post(
            f"{self._provider_url}/admin/captures",
            json={"amount": {"currency": "USD", "value": PLANTED_MINOR}},
            headers={"Authorization": f"Bearer {self._secret(PAYMENTS_KEY)}"},
            timeout=10.0,
        )
        planted.raise_for_status()
        ref = planted.json()["id"]
        found = wait_for("the planted break", lambda: self._exception(ref))
        self.result.planted_ref = ref
        self.result.exceptions = self._open_exceptions()
        self._say(f"reconciliation: planted capture {ref} found: {found['type']}")

    def _exception(self, key: str) -> dict[str, Any] | None:
        self.result.runs = self._rest.post("/v1/checkpoint-runs", {})["runs"]
        return next((item for item in self._open_exceptions() if item["key"] == key), None)

    def _open_exceptions(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self._rest.get("/v1/exceptions", state="STATE_OPEN").get(
            "exceptions", []
        )
        return found


def _now() -> datetime:
    return datetime.now(UTC).replace(microsecond=0)


def _int(item: dict[str, Any], name: str) -> int:
    """An int64 as JSON text; proto JSON leaves zero out."""
    return int(item.get(name, 0))


def _settled(position: dict[str, Any]) -> bool:
    return _int(position, "unsettled") == 0 and _int(position, "hardReserved") == 0
