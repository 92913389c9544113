"""Stock counts and stock movements."""

from tandem_connector_sdk.documents import Translation
from tandem_connector_sdk.errors import CodeUnmapped, DocumentFieldInvalid
from tandem_connector_sdk.models import (
    MovementCause,
    SnapshotLine,
    StockMovementReported,
    StockSnapshotReported,
)
from tandem_connector_sdk.models.stock import SNAPSHOT_CHUNK_LINES_MAX

from tandem_connector_csv_files.csv_file import CsvFile, Record
from tandem_connector_csv_files.scales import Scales

_SNAPSHOT_HEADER = ("stream", "sequence", "as_of_time", "snapshot_id")
_SNAPSHOT_ROW = ("sku", "location", "quantity")
_MOVEMENTS_HEADER = ("stream",)
_MOVEMENTS_ROW = ("sequence", "time", "sku", "location", "delta", "cause", "reference")


def translate_snapshot(file: CsvFile, scales: Scales) -> Translation:
    """A whole count, in chunks that each name how many there are.

    Raises SnapshotIncomplete: half a count would zero the stock of every row that is missing.
    """
    header = file.header_record(_SNAPSHOT_HEADER)
    records = file.records(_SNAPSHOT_ROW)
    file.check_sum([record.text("quantity") for record in records])
    lines = [_snapshot_line(record, scales) for record in records]
    _refuse_repeats(records)
    step = SNAPSHOT_CHUNK_LINES_MAX
    chunks = [tuple(lines[start : start + step]) for start in range(0, len(lines), step)] or [()]
    return Translation(
        tuple(
            StockSnapshotReported(
                stream=header.text("stream"),
                sequence=header.number("sequence", at_least=0),
                as_of_time=header.instant("as_of_time"),
                snapshot_id=header.text("snapshot_id"),
                chunk=number,
                chunks=len(chunks),
                lines=chunk,
            )
            for number, chunk in enumerate(chunks, start=1)
        )
    )


def _snapshot_line(record: Record, scales: Scales) -> SnapshotLine:
    sku = record.text("sku")
    quantity = record.quantity("quantity", scale=scales.of(sku), at_least=0)
    return SnapshotLine(sku, record.text("location"), quantity)


def _refuse_repeats(records: list[Record]) -> None:
    seen: set[tuple[str, str]] = set()
    for record in records:
        counted = (record.text("sku"), record.text("location"))
        if counted in seen:
            raise DocumentFieldInvalid(record.field("sku"), counted[0], "is counted twice")
        seen.add(counted)


def translate_movements(file: CsvFile, scales: Scales) -> Translation:
    """Changes in the source's own sequence."""
    stream = file.header_record(_MOVEMENTS_HEADER).text("stream")
    records = file.records(_MOVEMENTS_ROW)
    file.check_sum([record.text("delta") for record in records])
    return Translation(tuple(_movement(record, stream, scales) for record in records))


def _movement(record: Record, stream: str, scales: Scales) -> StockMovementReported:
    cause = record.text("cause")
    if cause not in MovementCause.__members__:
        raise CodeUnmapped(record.field("cause"), cause)
    sku = record.text("sku")
    delta = record.quantity("delta", scale=scales.of(sku), at_least=None)
    if delta == 0:
        raise DocumentFieldInvalid(record.field("delta"), "0", "moves nothing")
    return StockMovementReported(
        stream=stream,
        sequence=record.number("sequence", at_least=1),
        move_time=record.instant("time"),
        sku=sku,
        location=record.text("location"),
        delta=delta,
        cause=MovementCause[cause],
        reference=record.text("reference", optional=True),
    )
