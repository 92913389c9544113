"""Runs the simulated ERP: ``python -m tandem_erp_simulator --port N --data DIR``."""

from __future__ import annotations

import argparse
import logging
from pathlib import Path

import uvicorn

from tandem_erp_simulator.app import open_erp

GRACE_SECONDS = 3


def main() -> None:
    """Serves until stopped."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--data", type=Path, required=True, help="folder of the books")
    parser.add_argument("--key-file", type=Path, help="file with the key:secret of its clients")
    chosen = parser.parse_args()
    token = chosen.key_file.read_text().strip() if chosen.key_file else ""
    # A reply lost on purpose is reported by the server as an error of the application.
    logging.getLogger("uvicorn.error").addFilter(
        lambda record: "without completing response" not in record.getMessage()
    )
    uvicorn.run(
        open_erp(chosen.data, token).app(),
        host=chosen.host,
        port=chosen.port,
        log_level="warning",
        access_log=False,
        timeout_graceful_shutdown=GRACE_SECONDS,
    )


if __name__ == "__main__":
    main()
