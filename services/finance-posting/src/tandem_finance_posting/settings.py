"""Settings of the posting service, read once from the environment."""

from __future__ import annotations

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

    def entity_of(self, channel: str) -> str:
        """The legal entity that sells through a channel."""
        return self.legal_entities.get(channel, self.legal_entity)
