"""Signals as JSON documents, for those that wait for a decision."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from tandem_inventory_availability.domain.stock_position import Bucket, StockKey
from tandem_inventory_availability.domain.stock_signal import SignalKind, SourceKey, StockSignal


def to_document(signal: StockSignal) -> dict[str, Any]:
    """All a signal says."""
    return {
        "source": signal.source.source,
        "sequence": signal.sequence,
        "sku": signal.key.sku,
        "location": signal.key.location,
        "kind": signal.kind.value,
        "quantity": signal.quantity,
        "cause": signal.cause,
        "reference": signal.reference,
        "effective_at": signal.effective_at.isoformat(),
        "state": signal.state.value,
        "to_state": signal.to_state.value if signal.to_state else None,
        "epoch": signal.epoch,
        "tie": signal.tie,
        "token": signal.token,
        "scale": signal.scale,
        "covers": dict(signal.covers),
    }


def from_document(tenant: str, document: Mapping[str, Any]) -> StockSignal:
    """The signal of a document."""
    told = dict(document)
    to_state = told.pop("to_state")
    return StockSignal(
        source=SourceKey(tenant, told.pop("source")),
        key=StockKey(tenant, told.pop("sku"), told.pop("location")),
        kind=SignalKind(told.pop("kind")),
        effective_at=datetime.fromisoformat(told.pop("effective_at")),
        state=Bucket(told.pop("state")),
        to_state=Bucket(to_state) if to_state else None,
        **told,
    )
