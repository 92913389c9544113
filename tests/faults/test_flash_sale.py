"""A flash sale in small: exactly all units are promised, whatever dies in between.

Goal: no unit is promised twice and none is left over, with several claims on overlapping places,
repeated requests, kill -9 of the service and loss of the broker. Left out: the full size, which
`make bench` plays, and loss of Postgres, which `test_kills_during_the_day` covers.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from tandem_testing.embedded_nats import EmbeddedNats
from tandem_testing.embedded_postgres import EmbeddedPostgres

from .flash_sale import MODULE, Sale, flash_sale

pytestmark = [pytest.mark.suite, pytest.mark.timeout(240)]


async def test_a_flash_sale_promises_every_unit_once(postgres_server: EmbeddedPostgres) -> None:
    sale = Sale(units=150, buyers=2_000, stores=30)
    name = "flash_sale_" + MODULE
    url = postgres_server.create_database(name)
    with tempfile.TemporaryDirectory(prefix="tandem-sale-") as folder:
        nats = EmbeddedNats(Path(folder) / "nats")
        nats.start()
        try:
            async with flash_sale(sale, Path(folder), url, nats) as run:
                outcome = await run.run()
                await run.prove()
        finally:
            nats.wipe()
            postgres_server.drop_database(name)
    assert outcome.kills == 3
    assert outcome.retries > 0
    assert outcome.refused == sale.buyers - sale.units
