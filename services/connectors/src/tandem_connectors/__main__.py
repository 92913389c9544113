"""Runs the connector runtime: `python -m tandem_connectors`."""

from tandem_platform.process import run_service

from tandem_connectors.bootstrap import build
from tandem_connectors.settings import Settings


def main() -> None:
    """Serves until stopped."""
    run_service(Settings(), build)


if __name__ == "__main__":
    main()
