"""Several processes of one service behind one port (SO_REUSEPORT), under one parent.

Spawned, never forked: grpc's threads do not survive a fork.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

from tandem_platform.settings import ServiceSettings
from tandem_platform.structured_logs import get_logger

log = get_logger(__name__)

SHARED_PORT = "TANDEM_SHARED_PORT"
POLL_S = 0.2


class PortNotFixed(ValueError):
    """Processes can share a port only when it is named."""


def run(settings: ServiceSettings) -> int:
    """Starts the processes and waits; the first to end ends all, so the outside restarts them."""
    if settings.grpc_port == 0:
        raise PortNotFixed("TANDEM_PROCESSES above 1 needs TANDEM_GRPC_PORT")
    children = [_spawn(settings, number) for number in range(settings.processes)]

    told: set[int] = set()

    def stop(_number: int, _frame: object) -> None:
        for child in children:
            # Once each: a second signal finds a process that has given its handlers back and
            # kills it in the middle of a clean end.
            if child.poll() is None and child.pid not in told:
                told.add(child.pid)
                child.send_signal(signal.SIGTERM)

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
    while all(child.poll() is None for child in children):
        time.sleep(POLL_S)
    log.info("a process ended, stopping the others")
    stop(0, None)
    return max(abs(child.wait()) for child in children)


def _spawn(settings: ServiceSettings, number: int) -> subprocess.Popen[bytes]:
    environment = os.environ | {
        "TANDEM_PROCESSES": "1",
        SHARED_PORT: "1",
        "TANDEM_REPLICA": f"{settings.replica}-{number}",
    }
    return subprocess.Popen(sys.orig_argv, env=environment)
