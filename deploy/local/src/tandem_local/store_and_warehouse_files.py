"""Files of stores and warehouses: POSLog XML and CSV with control totals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

STORE_ZONE = ZoneInfo("America/New_York")
"""Registers write local time without a zone; the connection knows which one it is."""


@dataclass(frozen=True)
class ReceiptLine:
    """One sold article; amounts as decimal text."""

    sku: str
    quantity: int
    amount: str
    tax: str


def poslog(
    sequence: int, lines: Sequence[ReceiptLine], cash: str, change: str, at: datetime
) -> str:
    """One cash sale of store 101, register 1."""
    items = "".join(_item(number, line) for number, line in enumerate(lines, start=1))
    local = at.astimezone(STORE_ZONE).replace(tzinfo=None, microsecond=0)
    number = len(lines) + 1
    given = f"<TenderChange><Amount>{change}</Amount></TenderChange>" if change else ""
    return f"""<?xml version="1.0" encoding="UTF-8"?>
<POSLog xmlns="http://www.nrf-arts.org/IXRetail/namespace/" MajorVersion="6">
  <Transaction>
    <BusinessUnit><UnitID>101</UnitID></BusinessUnit>
    <WorkstationID>1</WorkstationID>
    <SequenceNumber>{sequence}</SequenceNumber>
    <BusinessDayDate>{local.date().isoformat()}</BusinessDayDate>
    <EndDateTime>{local.isoformat()}</EndDateTime>
    <OperatorID>7</OperatorID>
    <CurrencyCode>USD</CurrencyCode>
    <RetailTransaction Version="6.0">{items}
      <LineItem><SequenceNumber>{number}</SequenceNumber>
        <Tender TenderType="Cash" TypeCode="Sale"><Amount>{cash}</Amount>{given}</Tender></LineItem>
    </RetailTransaction>
  </Transaction>
</POSLog>
"""


def _item(number: int, line: ReceiptLine) -> str:
    return f"""
      <LineItem><SequenceNumber>{number}</SequenceNumber>
        <Sale ItemType="Stock"><ItemID>{line.sku}</ItemID>
          <ExtendedAmount>{line.amount}</ExtendedAmount><Quantity>{line.quantity}</Quantity>
          <Tax TaxType="Sales"><TaxAuthority>US-NY</TaxAuthority><Amount>{line.tax}</Amount></Tax>
        </Sale></LineItem>"""


Row = tuple[object, ...]


def _file(header: Row, rows: Sequence[Row], quantity_column: int) -> str:
    total = sum(Decimal(str(row[quantity_column])) for row in rows)
    lines = [("HEADER", *header), *(("ROW", *row) for row in rows), ("TRAILER", len(rows), total)]
    return "".join(",".join(str(value) for value in line) + "\n" for line in lines)


def stock_snapshot(
    sequence: int, snapshot_id: str, counts: Sequence[tuple[str, str, int]], at: datetime
) -> str:
    """A count: (sku, location, quantity) each."""
    header = ("STOCK_SNAPSHOT", 1, "WMS", sequence, at.isoformat(), snapshot_id)
    return _file(header, counts, 2)


@dataclass(frozen=True)
class Movement:
    """A change of stock in the warehouse's own sequence."""

    sequence: int
    sku: str
    location: str
    delta: int
    cause: str
    reference: str = ""


def stock_movements(movements: Sequence[Movement], at: datetime) -> str:
    """Movements in the order of their sequence."""
    rows = [
        (m.sequence, at.isoformat(), m.sku, m.location, m.delta, m.cause, m.reference)
        for m in movements
    ]
    return _file(("STOCK_MOVEMENTS", 1, "WMS"), rows, 4)


def shipments(
    shipment: str, order: str, location: str, goods: Sequence[tuple[str, int]], at: datetime
) -> str:
    """One shipment: (sku, quantity) each."""
    rows = [
        (shipment, order, location, at.isoformat(), "1Z-DEMO", sku, quantity)
        for sku, quantity in goods
    ]
    return _file(("SHIPMENTS", 1, "WMS"), rows, 6)


def goods_receipts(receipt: str, goods: Sequence[tuple[str, str, int, str]], at: datetime) -> str:
    """One receipt: (sku, location, quantity, unit cost) each."""
    rows = [
        (receipt, f"PO-{receipt}", "ACME", at.isoformat(), sku, location, quantity, cost)
        for sku, location, quantity, cost in goods
    ]
    return _file(("GOODS_RECEIPTS", 1, "ERP", "USD"), rows, 6)
