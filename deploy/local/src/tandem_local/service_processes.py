"""The services as processes: how each is started and what it is told."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from tandem_testing.child_process import Launch, launch

from tandem_local.layout import SERVICES, Layout, Ports
from tandem_local.secrets_of_suite import ERP_KEY

PARTITIONS = "1"
"""One process per service gains nothing from more, and each splits batches: on two saturated cores
54 orders a second with 1, 41 with 2, 25 to 41 with 4."""
DRAIN_WAIT_MS = "100"
EXPORT_BATCH_S = "2"
"""A demo is watched: its journals shall be in the ERP while one looks."""
DATABASES = (
    "inventory-availability",
    "order-orchestrator",
    "finance-posting",
    "reconciliation",
    "connectors",
    "gateway",
)


@dataclass(frozen=True)
class Surroundings:
    """What all services of a suite share."""

    layout: Layout
    ports: Ports
    database_urls: Mapping[str, str]
    nats_url: str
    extra: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """More environment by service, for tests that plant faults."""


def environment_of(service: str, around: Surroundings) -> dict[str, str]:
    """The environment of one service, on top of ours."""
    layout, ports = around.layout, around.ports
    peers = {name: f"127.0.0.1:{ports.grpc[name]}" for name in SERVICES}
    own = {
        "TANDEM_DATABASE_URL": around.database_urls[service],
        "TANDEM_GRPC_PORT": str(ports.grpc[service]),
        "TANDEM_PEERS": json.dumps(peers),
        "TANDEM_PARTITIONS": PARTITIONS,
        "TANDEM_REPLICA": f"{service}-0",
        "TANDEM_SIGNING_KEY_FILE": str(layout.signing_key(service)),
        "TANDEM_TRUSTED_KEYS_FILE": str(layout.trusted_keys),
        "TANDEM_DRAIN_WAIT_MS": DRAIN_WAIT_MS,
        "TANDEM_REFLECTION": "1",
    }
    if service == "gateway":
        own["TANDEM_HTTP_PORT"] = str(ports.http)
        own["TANDEM_BOOTSTRAP_API_KEY_FILE"] = str(layout.api_key)
    else:
        own["TANDEM_NATS_URL"] = around.nats_url
    if service == "finance-posting":
        own["TANDEM_EXPORT_TARGET"] = "erpnext"
        own["TANDEM_EXPORT_ERP_URL"] = f"http://127.0.0.1:{ports.erp}"
        own["TANDEM_EXPORT_ERP_KEY_FILE"] = str(layout.secret(ERP_KEY))
        own["TANDEM_EXPORT_BATCH_S"] = EXPORT_BATCH_S
    if service == "connectors":
        own["TANDEM_CONNECTIONS_FILE"] = str(layout.connections)
    return {**os.environ, **own, **around.extra.get(service, {})}


def start_service(service: str, around: Surroundings) -> subprocess.Popen[bytes]:
    """Starts one service; its output goes to its log."""
    module = f"tandem_{service.replace('-', '_')}"
    return _start([sys.executable, "-m", module], service, around, environment_of(service, around))


def start_payment_provider(around: Surroundings, key_file: str) -> subprocess.Popen[bytes]:
    """Starts the simulated payment provider."""
    arguments = [sys.executable, "-m", "tandem_connector_payment_simulator"]
    arguments += ["--port", str(around.ports.payments)]
    arguments += ["--data", str(around.layout.data / "payment-provider"), "--key-file", key_file]
    return _start(arguments, "payment-provider", around, dict(os.environ))


def start_erp(around: Surroundings) -> subprocess.Popen[bytes]:
    """Starts the simulated ERP."""
    layout = around.layout
    arguments = [sys.executable, "-m", "tandem_erp_simulator", "--port", str(around.ports.erp)]
    arguments += ["--data", str(layout.data / "erp"), "--key-file", str(layout.secret(ERP_KEY))]
    return _start(arguments, "erp", around, dict(os.environ))


def _start(
    arguments: Sequence[str], name: str, around: Surroundings, environment: Mapping[str, str]
) -> subprocess.Popen[bytes]:
    around.layout.logs.mkdir(parents=True, exist_ok=True)
    return launch(
        Launch(
            arguments=arguments,
            log_file=around.layout.logs / f"{name}.log",
            death_signal=signal.SIGTERM,
            environment=environment,
        )
    )
