"""Lines of reservations as a document. What has its ordinary value is left out: most lines have
nothing but units of a position, and they are the widest part of the hot path.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from tandem_inventory_availability.domain.reservation_line import Draw, Peg, ReservationLine

_OPTIONAL = ("group", "short", "pegged", "backordered", "bundle", "ratio")


def to_document(line: ReservationLine) -> dict[str, object]:
    """A line as it is stored; VerifyIntegrity and the reads of expired holds unfold it in SQL."""
    document: dict[str, object] = {
        "line_id": line.line_id,
        "sku": line.sku,
        "location": line.location,
        "quantity": line.quantity,
        "released": line.released,
        "shipped": line.shipped,
        "settled": line.settled,
    }
    for name in _OPTIONAL:
        if value := getattr(line, name):
            document[name] = value
    if line.need_by is not None:
        document["need_by"] = line.need_by.isoformat()
    if line.pegs:
        document["pegs"] = [vars(peg) for peg in line.pegs]
    if line.draws:
        document["draws"] = [vars(draw) for draw in line.draws]
    return document


def from_documents(text: str) -> tuple[ReservationLine, ...]:
    """The lines of a stored document."""
    return tuple(_line(document) for document in json.loads(text))


def _line(document: dict[str, Any]) -> ReservationLine:
    need_by = document.pop("need_by", None)
    pegs: Sequence[dict[str, Any]] = document.pop("pegs", ())
    draws: Sequence[dict[str, Any]] = document.pop("draws", ())
    return ReservationLine(
        **document,
        need_by=datetime.fromisoformat(need_by) if need_by else None,
        pegs=tuple(Peg(**peg) for peg in pegs),
        draws=tuple(Draw(**draw) for draw in draws),
    )
