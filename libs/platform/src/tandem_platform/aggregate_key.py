"""The key versions are counted by."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, order=True)
class AggregateKey:
    """One aggregate of one tenant."""

    tenant: str
    aggregate_type: str
    aggregate_id: str

    def __str__(self) -> str:
        return f"{self.tenant}/{self.aggregate_type}/{self.aggregate_id}"
