"""A whole snapshot: accepted when complete and each row can be counted, else refused whole."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from tandem_inventory_availability.domain.signal_errors import (
    SnapshotIncomplete,
    SnapshotRowsWrong,
)
from tandem_inventory_availability.domain.stock_position import Bucket, StockKey
from tandem_inventory_availability.domain.stock_signal import (
    SignalKind,
    SourceKey,
    StockSignal,
)


class SnapshotScope(StrEnum):
    """What a snapshot says of SKUs it does not list."""

    FULL_LOCATION = "FULL_LOCATION"
    LISTED_ONLY = "LISTED_ONLY"


@dataclass(frozen=True)
class SnapshotHeader:
    """What a snapshot is, told before its rows; ``checksum`` may be empty."""

    source: SourceKey
    location: str
    scope: SnapshotScope
    declared_rows: int
    as_of: datetime
    sequence: int = 0
    epoch: int = 0
    state: Bucket = Bucket.SELLABLE
    checksum: str = ""
    covers: Mapping[str, int] = field(default_factory=dict)
    reference: str = ""

    def signal(self, sku: str, quantity: int, job_id: str, place: str = "") -> StockSignal:
        """The signal of one row. Of a source without numbers its name is the job's."""
        return StockSignal(
            source=self.source,
            sequence=self.sequence,
            key=StockKey(self.source.tenant, sku, self.location),
            kind=SignalKind.SNAPSHOT,
            quantity=quantity,
            cause="SNAPSHOT",
            reference=self.reference,
            effective_at=self.as_of,
            place=place,
            state=self.state,
            epoch=self.epoch,
            tie=job_id,
            covers=self.covers,
            reviewed=True,
        )


@dataclass(frozen=True)
class SnapshotFaults:
    """What is wrong with the rows that came: their number, their checksum, single rows."""

    received: int
    checksum: str
    unknown_skus: int = 0
    unknown_sku: str = ""
    out_of_range: int = 0
    out_of_range_sku: str = ""


def check_complete(job_id: str, header: SnapshotHeader, found: SnapshotFaults) -> None:
    """Raises SnapshotIncomplete or SnapshotRowsWrong when not every row came as it was sent.

    A file cut off on its way must not empty a store.
    """
    if found.received != header.declared_rows:
        raise SnapshotIncomplete(
            job_id, "header.declared_rows", str(header.declared_rows), str(found.received)
        )
    if header.checksum and header.checksum != found.checksum:
        raise SnapshotIncomplete(job_id, "header.checksum", header.checksum, found.checksum)
    if found.unknown_skus:
        raise SnapshotRowsWrong(job_id, "SKU_UNKNOWN", found.unknown_sku, found.unknown_skus)
    if found.out_of_range:
        rule, sku = "QUANTITY_OUT_OF_RANGE", found.out_of_range_sku
        raise SnapshotRowsWrong(job_id, rule, sku, found.out_of_range, "rows.quantity")


def checksum_of(rows: Iterable[tuple[str, int]]) -> str:
    """SHA-256 over ``<sku><tab><quantity><newline>`` in ascending order of the SKU's bytes."""
    digest = hashlib.sha256()
    for sku, quantity in sorted(rows, key=lambda row: row[0].encode()):
        digest.update(f"{sku}\t{quantity}\n".encode())
    return digest.hexdigest()
