"""``python -m tandem_reconciliation``: runs the service."""

from __future__ import annotations

from tandem_platform.process import run_service

from tandem_reconciliation.bootstrap import build
from tandem_reconciliation.settings import ReconciliationSettings


def main() -> None:
    """Runs until SIGTERM."""
    run_service(ReconciliationSettings(), build)


if __name__ == "__main__":
    main()
