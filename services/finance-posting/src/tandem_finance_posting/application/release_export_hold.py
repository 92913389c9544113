"""Lets a held journal go into the next batch, after the ERP was put right."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from tandem_finance_posting.domain.export_batch import ExportHold
from tandem_finance_posting.domain.export_batch_lines import LedgerKey


class ExportHolds(Protocol):
    """Held journals inside one open transaction."""

    async def release(self, tenant: str, journal_id: str) -> tuple[LedgerKey, ExportHold]:
        """Marks it as free to go; as it was held. Raises NotFound."""
        ...


@dataclass(frozen=True)
class ReleaseExportHold:
    """Which one; the next build takes it in or holds it again."""

    tenant: str
    journal_id: str

    async def carry_out(self, holds: ExportHolds) -> tuple[LedgerKey, ExportHold]:
        """Raises NotFound when it is not held."""
        return await holds.release(self.tenant, self.journal_id)
