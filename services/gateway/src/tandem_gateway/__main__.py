"""Entry of the gateway: ``python -m tandem_gateway``."""

from __future__ import annotations

from tandem_platform.process import run_service

from tandem_gateway.bootstrap import build
from tandem_gateway.settings import GatewaySettings


def main() -> None:
    """Runs until SIGTERM or SIGINT."""
    run_service(GatewaySettings(), build)


if __name__ == "__main__":
    main()
