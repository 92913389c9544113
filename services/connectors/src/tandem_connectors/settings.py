"""Settings of the connector runtime, read once from the environment."""

from pathlib import Path

from pydantic import Field
from tandem_platform.settings import ServiceSettings


class Settings(ServiceSettings):
    """`connections_file` names the connections; without it there are none."""

    service_name: str = "connectors"
    area: str = "connector"
    connections_file: Path | None = None
    payments_in_flight_max: int = Field(default=32, ge=1)
    """Payment commands asked at once by one replica."""
    outbound_interval_ms: int = Field(default=1_000, ge=10)
    """How often due commands are looked for when nobody wakes the loop."""
    translate_interval_ms: int = Field(default=1_000, ge=10)
    """How often received documents are looked for when nobody wakes the loop."""
