"""Goods receipts: what came, from whom, at what cost a unit."""

from itertools import groupby

from tandem_connector_sdk.documents import Translation
from tandem_connector_sdk.errors import DocumentFieldInvalid
from tandem_connector_sdk.models import GoodsReceived, GoodsReceivedLine
from tandem_core.currencies import currency_exponent
from tandem_core.decimal_text import scaled_integer
from tandem_core.errors import AmountNotExact
from tandem_core.money import Money

from tandem_connector_csv_files.csv_file import CsvFile, Record
from tandem_connector_csv_files.grouping import refuse_split_groups, same_over_rows
from tandem_connector_csv_files.scales import Scales

_HEADER = ("stream", "currency")
_ROW = (
    "receipt", "purchase_order", "vendor", "receive_time", "sku", "location", "quantity",
    "unit_cost",
)  # fmt: skip
_SHARED = ("purchase_order", "vendor", "receive_time")
_UNIT_COST_SCALE = 6


def translate_receipts(file: CsvFile, scales: Scales) -> Translation:
    """One fact per receipt."""
    header = file.header_record(_HEADER)
    currency = header.text("currency")
    currency_exponent(currency, header.field("currency"))
    records = file.records(_ROW)
    file.check_sum([record.text("quantity") for record in records])
    refuse_split_groups(records, "receipt")
    return Translation(
        tuple(
            _receipt(reference, list(rows), currency, scales)
            for reference, rows in groupby(records, key=lambda record: record.text("receipt"))
        )
    )


def _receipt(reference: str, rows: list[Record], currency: str, scales: Scales) -> GoodsReceived:
    same_over_rows(rows, _SHARED)
    first = rows[0]
    return GoodsReceived(
        receipt_ref=reference,
        receive_time=first.instant("receive_time"),
        lines=tuple(_line(row, currency, scales) for row in rows),
        purchase_order=first.text("purchase_order", optional=True),
        vendor=first.text("vendor", optional=True),
    )


def _line(row: Record, currency: str, scales: Scales) -> GoodsReceivedLine:
    sku = row.text("sku")
    scale = scales.of(sku)
    quantity = row.quantity("quantity", scale=scale, at_least=1)
    cost = _line_cost(row, quantity, scale, currency)
    return GoodsReceivedLine(sku, row.text("location"), quantity, cost)


def _line_cost(row: Record, quantity: int, scale: int, currency: str) -> Money:
    """Unit cost times quantity. The unit cost may have more digits than the currency, the line
    may not: 0.0425 EUR for 200 screws is 8.50, for 3 screws it is no amount."""
    text = row.text("unit_cost")
    unit_cost = scaled_integer(text, _UNIT_COST_SCALE)
    if unit_cost is None:
        raise AmountNotExact(text, currency, row.field("unit_cost"))
    if unit_cost < 0:
        raise DocumentFieldInvalid(row.field("unit_cost"), text, "must be at least 0")
    surplus_digits = _UNIT_COST_SCALE + scale - currency_exponent(currency)
    minor_units, rest = divmod(unit_cost * quantity, 10**surplus_digits)
    if rest:
        raise AmountNotExact(text, currency, row.field("unit_cost"))
    return Money(currency, minor_units)
