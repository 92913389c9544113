"""Settings of the gateway."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field
from tandem_platform.settings import ServiceSettings


class GatewaySettings(ServiceSettings):
    """Read once in ``__main__``."""

    service_name: str = "gateway"
    # Its own scopes: taking webhooks in. Everything else is called with the client's scopes.
    outgoing_scopes: tuple[str, ...] = ("connector:ingest",)

    http_host: str = "127.0.0.1"
    http_port: int = Field(default=8080, ge=0, le=65535)
    """0 lets the system choose."""
    environment: str = Field(default="dev", pattern="^[a-z0-9]{1,12}$")
    """Second part of every API key, so a key of staging is known as such on sight."""
    bootstrap_api_key_file: Path | None = None
    """File with one API key that is given every scope at start; for the first client."""
    bootstrap_tenant: str = "demo"

    body_bytes_max: int = Field(default=1024 * 1024, ge=1)
    webhook_bytes_max: int = Field(default=5 * 1024 * 1024, ge=1)
    file_bytes_max: int = Field(default=8 * 1024 * 1024, ge=1)
    requests_per_second_default: float = Field(default=2_000.0, gt=0)
    """Of one key and rate class, unless the client has its own."""
    webhooks_per_second: float = Field(default=2_000.0, gt=0)
    """Of one connection; its signature is checked only by the connectors service."""
    requests_in_flight_max: int = Field(default=2_000, ge=1)
    """More are answered 503 by the HTTP server itself."""
    http_drain_s: int = Field(default=10, ge=0)
