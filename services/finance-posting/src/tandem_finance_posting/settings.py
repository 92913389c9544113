"""Settings of the posting service, read once from the environment."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field
from tandem_platform.settings import ServiceSettings


class FinanceSettings(ServiceSettings):
    """Everything the posting service can be told."""

    service_name: str = "finance-posting"
    area: str = "finance"
    legal_entity: str = Field(default="US01", min_length=1)
    """Legal entity of events whose channel has none of its own."""
    legal_entities: dict[str, str] = Field(default_factory=dict)
    """Legal entity by channel, ``{"web-eu": "DE01"}``."""
    held_event_rows_max: int = Field(default=500, ge=1)
    """Held events judged anew in one round."""

    export_target: Literal["", "erpnext", "file"] = ""
    """The ERP the books go to; empty for none: batches are then built and answered by call only."""
    export_erp_url: str = ""
    """Address of ERPNext, ``https://erp.example``."""
    export_erp_key_file: Path | None = None
    """File with ``key:secret`` of its API user."""
    export_folder: Path | None = None
    """Folder of the files of target ``file``, and of their acknowledgements."""
    export_auto: bool = True
    """Builds, seals and sends by itself; else only what was sent by call is brought over."""
    export_interval_s: float = Field(default=2.0, gt=0)
    """Between two rounds of sending and asking."""
    export_batch_s: float = Field(default=60.0, ge=0)
    """Between two rounds of building batches: shorter brings smaller batches."""
    export_journals_max: int = Field(default=5_000, ge=1, le=10_000)
    """Journals of one batch."""
    export_lines_max: int = Field(default=500, ge=2)
    """Lines of one document of the ERP; a single journal with more goes whole."""
    export_timeout_s: float = Field(default=20.0, gt=0)
    """For one call to the ERP."""
    export_attempts_max: int = Field(default=50, ge=1)
    """Tries of one document by itself; then a person must look."""
    export_first_wait_ms: int = Field(default=500, ge=1)
    """Between the first two tries; it doubles with each."""
    export_wait_ms_max: int = Field(default=300_000, ge=1)

    seal_interval_s: float = Field(default=1.0, gt=0)
    """Between two looks for journals to seal; a commit wakes the sealer at once."""
    seal_linger_s: float = Field(default=0.1, ge=0)
    """Waited for more commits before sealing."""
    seal_rows_max: int = Field(default=1_000, ge=1)
    """Journals sealed in one transaction."""
    seal_audit_interval_s: float = Field(default=30.0, gt=0)
    """Between two pages of seals looked at again."""
    seal_audit_rows_max: int = Field(default=2_000, ge=1)
    """Seals of one chain looked at in one page."""
    close_threshold_minor: int = Field(default=100, ge=0)
    """What a role that must clear may hold at a close, in minor units."""
    close_clearing_days: int = Field(default=7, ge=0)
    """Days before a period's end from which on something may still be open."""
    materiality_minor: int = Field(default=1_000_000, ge=0)
    """What is material to an entity, in minor units of the currency of its books."""
    late_share_percent: int = Field(default=5, ge=0)
    """Share of materiality from which on what counts late for a closed period is told."""
    late_interval_s: float = Field(default=60.0, gt=0)
    """Between two looks at what counts late."""

    @property
    def late_limit_minor(self) -> int:
        """What may count late for a closed period without being told."""
        return self.materiality_minor * self.late_share_percent // 100

    def entity_of(self, channel: str) -> str:
        """The legal entity that sells through a channel."""
        return self.legal_entities.get(channel, self.legal_entity)
