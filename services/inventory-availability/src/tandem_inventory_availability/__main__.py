"""``python -m tandem_inventory_availability``: runs the service."""

from __future__ import annotations

from tandem_platform.process import run_service

from tandem_inventory_availability.bootstrap import build
from tandem_inventory_availability.settings import InventorySettings


def main() -> None:
    """Runs until SIGTERM."""
    run_service(InventorySettings(), build)


if __name__ == "__main__":
    main()
