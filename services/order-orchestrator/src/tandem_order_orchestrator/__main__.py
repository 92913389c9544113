"""``python -m tandem_order_orchestrator``: runs the service."""

from __future__ import annotations

from tandem_platform.process import run_service

from tandem_order_orchestrator.bootstrap import build
from tandem_order_orchestrator.settings import OrderSettings


def main() -> None:
    """Runs until SIGTERM."""
    run_service(OrderSettings(), build)


if __name__ == "__main__":
    main()
