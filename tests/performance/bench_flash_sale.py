"""The flash sale in full: 1,000 units, 50,000 buyers from 300 stores, 2 centres and 6 channels,
with replays, three kills of the service and a loss of the broker; then the proof that each unit was
promised once. Buyers a second are told beside; the proof is what counts.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parents[1] / "faults"))

import uvloop
from bench_report import Figure, report
from flash_sale import IN_FLIGHT, Outcome, Sale, flash_sale
from tandem_testing.embedded_nats import EmbeddedNats
from tandem_testing.embedded_postgres import EmbeddedPostgres

SALE = Sale(units=1_000, buyers=50_000, stores=300)


async def play(folder: Path, url: str, nats: EmbeddedNats) -> Outcome:
    """The sale and its proof. Raises AssertionError when a unit was promised twice or left over."""
    async with flash_sale(SALE, folder, url, nats) as run:
        outcome = await run.run()
        await run.prove()
    return outcome


def figures(outcome: Outcome) -> list[Figure]:
    """What was sold, and how it went."""
    note = f"{SALE.buyers:,} buyers, {IN_FLIGHT} in flight, {SALE.stores} stores, 2 centres"
    return [
        Figure("units promised", len(outcome.won), "", f"= {SALE.units}", note),
        Figure("buyers answered", SALE.buyers / outcome.seconds, "/s"),
        Figure("requests repeated after an answer", outcome.replays, "", note="the same answer"),
        Figure("requests repeated after a failure", outcome.retries, ""),
        Figure("kill -9 of the service", outcome.kills, "", note="and one loss of the broker"),
    ]


def main() -> None:
    """Starts servers, plays, reports."""
    folder = Path(tempfile.mkdtemp(prefix="tandem-bench-"))
    folder.chmod(0o711)
    server = EmbeddedPostgres(folder / "postgres", durable=True)
    nats = EmbeddedNats(folder / "nats")
    server.start()
    nats.start()
    try:
        outcome = uvloop.run(play(folder, server.create_database("sale"), nats))
        report("flash_sale", figures(outcome))
    finally:
        nats.wipe()
        server.stop()
        server.wipe()


if __name__ == "__main__":
    main()
