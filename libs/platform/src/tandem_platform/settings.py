"""The settings every service has, read once from the environment (prefix ``TANDEM_``).

A service subclasses `ServiceSettings`, gives ``service_name`` a default and adds its own fields.
"""

from __future__ import annotations

import socket
from pathlib import Path

from pydantic import AliasChoices, Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class ServiceSettings(BaseSettings):
    """Settings of one service process. Numbers carry their unit in the name."""

    model_config = SettingsConfigDict(
        env_prefix="TANDEM_", frozen=True, extra="ignore", populate_by_name=True
    )

    service_name: str
    """Name as in the peers table and in tokens, for example ``order-orchestrator``."""
    area: str = ""
    """Area of the contracts whose events this service publishes; empty for none."""
    replica: str = Field(default_factory=socket.gethostname)
    """Stable name of this replica; owns leases under it."""

    database_url: str = ""
    """``postgresql+psycopg://…``; empty for a service without tables."""
    database_pool_size: int = Field(default=10, ge=1)
    nats_url: str = ""
    """Empty for a service without events."""
    partitions: int = Field(default=16, ge=1, le=256)

    grpc_host: str = "127.0.0.1"
    grpc_port: int = Field(default=0, ge=0, le=65535)
    """0 lets the system choose; then ``processes`` must be 1."""
    processes: int = Field(default=1, ge=1, le=64)
    """Processes that share ``grpc_port`` by SO_REUSEPORT."""
    shared_port: bool = False
    """Set by the parent of such processes."""
    peers: dict[str, str] = Field(default_factory=dict)
    """Address of each service this one calls, ``{"finance-posting": "127.0.0.1:4001"}``."""
    reflection: bool = False

    signing_key_file: Path | None = None
    """EdDSA private key (PEM) this service signs its internal tokens with."""
    trusted_keys_file: Path | None = None
    """JSON ``{issuer: public PEM}``; callers whose issuer is not in it are refused."""
    outgoing_scopes: tuple[str, ...] = ("journal:read",)
    """Scopes this service presents to its peers; a service lists what it needs, nothing more."""

    otlp_endpoint: str = Field(
        default="",
        validation_alias=AliasChoices("otlp_endpoint", "OTEL_EXPORTER_OTLP_ENDPOINT"),
    )
    """OTLP/gRPC collector, ``http://host:4317``; empty exports nothing."""
    log_level: str = "INFO"

    default_deadline_ms: int = Field(default=5_000, ge=1)
    """For calls out that name no time, and for rpcs that declare none."""
    deadline_margin_ms: int = Field(default=20, ge=0)
    """Kept back on each hop, so that the caller learns of the miss and not only the callee."""
    in_flight_query_max: int = Field(default=256, ge=1)
    in_flight_command_max: int = Field(default=1_024, ge=1)
    in_flight_bulk_max: int = Field(default=64, ge=1)
    in_flight_admin_max: int = Field(default=32, ge=1)
    in_flight_stream_max: int = Field(default=512, ge=1)
    """Streams open at once."""
    admission_queue_calls_max: int = Field(default=1_024, ge=0)
    """Calls of one class that may wait for a place; more are refused at once."""

    start_wait_s_max: float = Field(default=300.0, gt=0)
    """How long a start retries to reach Postgres before the process gives up."""
    drain_wait_ms: int = Field(default=5_000, ge=0)
    """Between NOT_SERVING and refusing calls, so that balancers have noticed."""
    drain_grace_ms: int = Field(default=20_000, ge=0)
    """How long calls in flight may still finish."""
    max_connection_age_ms: int = Field(default=300_000, ge=1_000)
    max_connection_age_grace_ms: int = Field(default=30_000, ge=0)
    message_bytes_max: int = Field(default=9 * 1024 * 1024, ge=1_024)
    """One message on the wire: the largest file of the gateway (8 MiB) and its envelope."""

    @property
    def package(self) -> str:
        """The service's Python package, which holds its migrations."""
        return f"tandem_{self.service_name.replace('-', '_')}"

    @property
    def grpc_address(self) -> str:
        """``host:port`` to listen on."""
        return f"{self.grpc_host}:{self.grpc_port}"
