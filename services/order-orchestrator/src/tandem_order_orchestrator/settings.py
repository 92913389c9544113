"""Settings of the order service, read once from the environment."""

from __future__ import annotations

from pydantic import Field
from tandem_platform.settings import ServiceSettings


class OrderSettings(ServiceSettings):
    """Everything the order service can be told."""

    service_name: str = "order-orchestrator"
    area: str = "order"
    outgoing_scopes: tuple[str, ...] = ("journal:read", "inventory:read", "inventory:write")
    commands_in_flight_max: int = Field(default=128, ge=1)
    """Calls to other services on behalf of order processes at the same time."""
    waiting_report_rows_max: int = Field(default=200, ge=1)
    """Early reports tried again in one round."""
