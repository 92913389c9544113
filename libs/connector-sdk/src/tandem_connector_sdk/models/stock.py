"""Stock, shipments and receipts. All quantities in the SKU's minor unit."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import ClassVar

from tandem_core.money import Money

SNAPSHOT_CHUNK_LINES_MAX = 500


@dataclass(frozen=True, slots=True)
class SnapshotLine:
    """Sellable units on hand of one SKU at one location."""

    sku: str
    location: str
    quantity: int


@dataclass(frozen=True, slots=True)
class StockSnapshotReported:
    """One chunk of a count; deltas of the same stream up to `sequence` are contained in it."""

    aggregate_type: ClassVar[str] = "stock_feed"
    stream: str
    sequence: int
    as_of_time: datetime
    snapshot_id: str
    chunk: int
    chunks: int
    lines: tuple[SnapshotLine, ...]

    @property
    def aggregate_key(self) -> str:
        """The stream: counts and movements of one source keep their order."""
        return self.stream

    @property
    def event_key(self) -> str:
        """The chunk of the named snapshot."""
        return f"stock-snapshot|{self.stream}|{self.snapshot_id}|{self.chunk}"


class MovementCause(StrEnum):
    """Why stock moved."""

    RECEIPT = "RECEIPT"
    SHIPMENT = "SHIPMENT"
    ADJUSTMENT = "ADJUSTMENT"


@dataclass(frozen=True, slots=True)
class StockMovementReported:
    """A change of sellable units, negative when goods left."""

    aggregate_type: ClassVar[str] = "stock_feed"
    stream: str
    sequence: int
    move_time: datetime
    sku: str
    location: str
    delta: int
    cause: MovementCause
    reference: str = ""

    @property
    def aggregate_key(self) -> str:
        """The stream."""
        return self.stream

    @property
    def event_key(self) -> str:
        """The position in the stream."""
        return f"stock-movement|{self.stream}|{self.sequence}"


@dataclass(frozen=True, slots=True)
class ShipmentLine:
    """Goods of one SKU in a shipment."""

    sku: str
    quantity: int


@dataclass(frozen=True, slots=True)
class ShipmentReported:
    """A warehouse handed goods to a carrier."""

    aggregate_type: ClassVar[str] = "external_shipment"
    shipment_ref: str
    order_ref: str
    location: str
    ship_time: datetime
    lines: tuple[ShipmentLine, ...]
    tracking_number: str = ""

    @property
    def aggregate_key(self) -> str:
        """The shipment's reference."""
        return self.shipment_ref

    @property
    def event_key(self) -> str:
        """A shipment leaves once."""
        return f"shipment-reported|{self.shipment_ref}"


@dataclass(frozen=True, slots=True)
class GoodsReceivedLine:
    """Goods of one SKU received, with the cost of the whole line."""

    sku: str
    location: str
    quantity: int
    cost_amount: Money


@dataclass(frozen=True, slots=True)
class GoodsReceived:
    """Goods came from a vendor at a cost."""

    aggregate_type: ClassVar[str] = "goods_receipt"
    receipt_ref: str
    receive_time: datetime
    lines: tuple[GoodsReceivedLine, ...]
    purchase_order: str = ""
    vendor: str = ""

    @property
    def aggregate_key(self) -> str:
        """The receipt's reference."""
        return self.receipt_ref

    @property
    def event_key(self) -> str:
        """A receipt is booked once."""
        return f"goods-received|{self.receipt_ref}"
