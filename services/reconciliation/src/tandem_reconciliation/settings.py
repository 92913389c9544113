"""Settings of the reconciliation service, read once from the environment."""

from __future__ import annotations

from datetime import timedelta

from pydantic import Field
from tandem_platform.settings import ServiceSettings

from tandem_reconciliation.domain.checkpoint import Windows


class ReconciliationSettings(ServiceSettings):
    """Everything the reconciliation service can be told."""

    service_name: str = "reconciliation"
    area: str = "reconciliation"
    materiality_minor: int = Field(default=1_000_000, ge=1)
    """Amount in minor units of the books' currency that would change a reader's mind."""
    fulfilment_window_s: int = Field(default=172_800, ge=0)
    posting_window_s: int = Field(default=900, ge=0)
    settlement_window_s: int = Field(default=432_000, ge=0)
    own_records_window_s: int = Field(default=5, ge=0)
    run_interval_s: float = Field(default=30.0, gt=0)
    """How often all checkpoints run by themselves."""
    tenants_max: int = Field(default=1_000, ge=1)

    def windows(self) -> Windows:
        """How long sides may wait."""
        return Windows(
            fulfilment=timedelta(seconds=self.fulfilment_window_s),
            posting=timedelta(seconds=self.posting_window_s),
            settlement=timedelta(seconds=self.settlement_window_s),
            own_records=timedelta(seconds=self.own_records_window_s),
        )
