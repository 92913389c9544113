"""Shipment confirmations: rows of one shipment follow each other."""

from itertools import groupby

from tandem_connector_sdk.documents import Translation
from tandem_connector_sdk.models import ShipmentLine, ShipmentReported

from tandem_connector_csv_files.csv_file import CsvFile, Record
from tandem_connector_csv_files.grouping import refuse_split_groups, same_over_rows
from tandem_connector_csv_files.scales import Scales

_ROW = (
    "shipment", "order", "location", "ship_time", "tracking_number", "sku", "quantity",
)  # fmt: skip
_SHARED = ("order", "location", "ship_time", "tracking_number")


def translate_shipments(file: CsvFile, scales: Scales) -> Translation:
    """One fact per shipment; its rows agree on everything but SKU and quantity."""
    records = file.records(_ROW)
    file.check_sum([record.text("quantity") for record in records])
    refuse_split_groups(records, "shipment")
    grouped = groupby(records, key=lambda record: record.text("shipment"))
    return Translation(tuple(_shipment(ref, list(rows), scales) for ref, rows in grouped))


def _shipment(reference: str, rows: list[Record], scales: Scales) -> ShipmentReported:
    same_over_rows(rows, _SHARED)
    first = rows[0]
    return ShipmentReported(
        shipment_ref=reference,
        order_ref=first.text("order"),
        location=first.text("location"),
        ship_time=first.instant("ship_time"),
        lines=tuple(_line(row, scales) for row in rows),
        tracking_number=first.text("tracking_number", optional=True),
    )


def _line(row: Record, scales: Scales) -> ShipmentLine:
    sku = row.text("sku")
    quantity = row.quantity("quantity", scale=scales.of(sku), at_least=1)
    return ShipmentLine(sku, quantity)
