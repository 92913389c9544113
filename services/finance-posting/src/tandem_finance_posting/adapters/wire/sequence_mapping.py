"""Numbers of sources from and to the wire."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

from sqlalchemy import RowMapping
from tandem.finance.v1 import integrity_service_pb2 as api
from tandem.finance.v1 import seal_pb2 as wire
from tandem_platform.timestamps import to_time

from tandem_finance_posting.adapters.postgres.sequence_rows import numbers_from_row
from tandem_finance_posting.adapters.wire.draft_mapping import day
from tandem_finance_posting.domain.source_sequence import (
    NumberRange,
    NumberSource,
    SourceKind,
    count,
)

RANGES_MAX = 100
"""Of missing numbers shown of one source."""


def source_of(
    request: api.DeclareSourceSequenceRequest | api.NoteSourceNumbersRequest, today: date
) -> NumberSource:
    """The source a request is about. Raises ValidationFailed."""
    if request.WhichOneof("of") == "stream":
        return NumberSource(SourceKind.STREAM, request.legal_entity, today, stream=request.stream)
    register = request.register_day
    return NumberSource(
        kind=SourceKind.REGISTER,
        legal_entity=request.legal_entity,
        business_date=day("register_day.business_date", register.business_date),
        store=register.store,
        register=register.register,
    )


def to_source(row: RowMapping) -> wire.SourceSequence:
    """A source as stored, with what is missing."""
    numbers = numbers_from_row(row)
    missing = numbers.missing()
    return wire.SourceSequence(
        source=row["source"],
        kind=wire.SourceSequence.Kind.Value(f"KIND_{row['kind']}"),
        legal_entity=row["legal_entity"],
        store=row["store"],
        register=row["register"],
        business_date=row["business_date"].isoformat(),
        seen_last=numbers.seen_last,
        declared_last=numbers.declared_last or 0,
        missing=_ranges(missing[:RANGES_MAX]),
        missing_count=count(missing),
        change_time=to_time(row["changed_at"]),
        voided=_ranges(list(numbers.voided)[:RANGES_MAX]),
        void_reason=row["void_reason"],
    )


def _ranges(ranges: Iterable[NumberRange]) -> list[wire.NumberRange]:
    return [wire.NumberRange(first=first, last=last) for first, last in ranges]
