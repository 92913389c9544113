"""Runs the simulated provider: `python -m tandem_connector_payment_simulator --port N --data DIR`.

All it knows is in DIR; stopped and started again, or killed, it goes on with the same truth.
"""

import argparse
import logging
from pathlib import Path

import uvicorn

from tandem_connector_payment_simulator.server.app import open_provider

GRACE_SECONDS = 3


def main() -> None:
    """Serves until stopped."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--data", type=Path, required=True, help="folder of the ledger")
    parser.add_argument("--key-file", type=Path, help="file with the key clients must send")
    chosen = parser.parse_args()
    key = chosen.key_file.read_bytes().strip() if chosen.key_file else b""
    # A reply lost on purpose is reported by the server as an error of the application.
    logging.getLogger("uvicorn.error").addFilter(
        lambda record: "without completing response" not in record.getMessage()
    )
    uvicorn.run(
        open_provider(chosen.data, key).app(),
        host=chosen.host,
        port=chosen.port,
        log_level="warning",
        access_log=False,
        timeout_graceful_shutdown=GRACE_SECONDS,
    )


if __name__ == "__main__":
    main()
