"""``python -m tandem_finance_posting``: runs the service."""

from __future__ import annotations

from tandem_platform.process import run_service

from tandem_finance_posting.bootstrap import build
from tandem_finance_posting.settings import FinanceSettings


def main() -> None:
    """Runs until SIGTERM."""
    run_service(FinanceSettings(), build)


if __name__ == "__main__":
    main()
