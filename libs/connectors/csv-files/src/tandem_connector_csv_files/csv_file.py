"""Reads the frame all files share: one HEADER, any number of ROW, one TRAILER that proves them.

HEADER,<kind>,<format version>,<what the kind needs>...
ROW,<columns of the kind>...
TRAILER,<number of rows>,<sum of quantities>
"""

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from tandem_connector_sdk.errors import (
    DocumentFieldInvalid,
    DocumentMalformed,
    SnapshotIncomplete,
)
from tandem_connector_sdk.plain_text import is_storable
from tandem_connector_sdk.times import parse_instant
from tandem_core.quantity import quantity_from_decimal_text

ROWS_MAX = 100_000
FORMAT_VERSION = "1"


@dataclass(frozen=True, slots=True)
class Record:
    """One line of a file, its columns named by position; `where` is `header` or `row[17]`."""

    where: str
    names: Sequence[str]
    values: Sequence[str]

    def field(self, name: str) -> str:
        """The full name of a column for errors, for example `row[17].quantity`."""
        return f"{self.where}.{name}"

    def text(self, name: str, *, optional: bool = False) -> str:
        """A column's text without blanks around it; an empty one is refused unless optional."""
        index = list(self.names).index(name)
        text = self.values[index].strip() if index < len(self.values) else ""
        if not text and not optional:
            raise DocumentFieldInvalid(self.field(name), "", "is missing")
        return text

    def number(self, name: str, *, at_least: int) -> int:
        """A whole number."""
        return self.quantity(name, scale=0, at_least=at_least)

    def quantity(self, name: str, *, scale: int, at_least: int | None) -> int:
        """A quantity in the SKU's minor unit; raises QuantityNotExact."""
        text = self.text(name)
        quantity = quantity_from_decimal_text(text, scale, self.field(name))
        if at_least is not None and quantity < at_least:
            raise DocumentFieldInvalid(self.field(name), text, f"must be at least {at_least}")
        return quantity

    def instant(self, name: str) -> datetime:
        """A time with its offset."""
        text = self.text(name)
        instant = parse_instant(text)
        if instant is None:
            raise DocumentFieldInvalid(self.field(name), text, "ISO 8601 time with offset expected")
        return instant


@dataclass(frozen=True, slots=True)
class CsvFile:
    """A file whose frame is whole; the trailer's sum is checked by whoever reads quantities."""

    kind: str
    header: Sequence[str]
    rows: Sequence[Sequence[str]]
    trailer: Sequence[str]

    def header_record(self, names: Sequence[str]) -> Record:
        """The header's columns after kind and version."""
        return Record("header", names, self.header)

    def records(self, names: Sequence[str]) -> list[Record]:
        """The rows, numbered from 1."""
        return [Record(f"row[{number}]", names, row) for number, row in enumerate(self.rows, 1)]

    def check_sum(self, quantity_texts: Sequence[str]) -> None:
        """Raises SnapshotIncomplete when the quantities do not add up to what is declared.

        The sum is over the numbers as written, so a file with kilograms adds up as its sender did.
        """
        found = sum(_millionths(text, "row.quantity") for text in quantity_texts)
        declared = self.trailer[1].strip() if len(self.trailer) > 1 else ""
        if not declared or _millionths(declared, "trailer.quantity_sum") != found:
            whole, rest = divmod(abs(found), 10**_SUM_SCALE)
            sign = "-" if found < 0 else ""
            shown = f"{sign}{whole}" + (f".{rest:06d}".rstrip("0") if rest else "")
            raise SnapshotIncomplete("trailer.quantity_sum", declared or "nothing", shown)


_SUM_SCALE = 6


def _millionths(text: str, field: str) -> int:
    return quantity_from_decimal_text(text, _SUM_SCALE, field)


def read_csv_file(body: bytes) -> CsvFile:
    """Raises DocumentMalformed, and SnapshotIncomplete when the end or a row is missing."""
    lines = _lines(body)
    header = lines[0] if lines else []
    if header[:1] != ["HEADER"] or len(header) < 3:
        raise DocumentMalformed("line 1: HEADER,<kind>,<version> expected")
    if header[2] != FORMAT_VERSION:
        raise DocumentFieldInvalid("header.version", header[2], f"must be {FORMAT_VERSION}")
    rows = [line for line in lines[1:] if line[0] == "ROW"]
    if lines[-1][0] != "TRAILER":
        raise SnapshotIncomplete("trailer", "nothing", f"{len(rows)} rows")
    for number, line in enumerate(lines[1:-1], start=2):
        if line[0] != "ROW":
            raise DocumentMalformed(f"record {number}: ROW expected, found {line[0][:20]!r}")
    _check_count(lines[-1], len(rows))
    return CsvFile(header[1], header[3:], [row[1:] for row in rows], lines[-1][1:])


def _lines(body: bytes) -> list[list[str]]:
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DocumentMalformed(f"byte {error.start} is not UTF-8") from None
    if not is_storable(text):
        raise DocumentMalformed("a character U+0000 is no text")
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        lines = [line for line in reader if line]
    except csv.Error as error:
        raise DocumentMalformed(f"line {reader.line_num}: {error}") from None
    if len(lines) > ROWS_MAX:
        raise DocumentMalformed(f"more than {ROWS_MAX} records")
    return lines


def _check_count(trailer: Sequence[str], found: int) -> None:
    declared = trailer[1].strip() if len(trailer) > 1 else ""
    if declared != str(found):
        raise SnapshotIncomplete("trailer.rows", declared or "nothing", str(found))
