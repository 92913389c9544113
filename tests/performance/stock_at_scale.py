"""Stock of any size, made by SQL: items, locations, positions with their ledger and their feed, as
if one source had counted everything once.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

import psycopg
from tandem_testing.grpc_wire import TENANT

LOCATIONS = 302
"""300 stores and 2 centres; the centres ship."""
ON_HAND = 1_000_000
SOURCE = "scale/main"

_STATEMENTS = (
    "INSERT INTO item SELECT %(tenant)s, 'SKU-' || lpad(n::text, 8, '0'), '', 0"
    " FROM generate_series(0, %(skus)s - 1) AS n",
    "INSERT INTO location SELECT %(tenant)s, 'L-' || lpad(n::text, 3, '0'),"
    " CASE WHEN n < 2 THEN 'DISTRIBUTION_CENTRE' ELSE 'STORE' END, '', n, n < 2"
    " FROM generate_series(0, %(locations)s - 1) AS n",
    "INSERT INTO policy_version (tenant, version, stamp) VALUES (%(tenant)s, 1, gen_random_uuid())",
    "INSERT INTO stock_position (tenant, sku, location, on_hand, position, version, source_at,"
    " stale_at) SELECT tenant, sku, id, %(on_hand)s, 1, 1, now(), now() + interval '1 day'"
    " FROM item JOIN location USING (tenant) ORDER BY sku, id",
    "INSERT INTO ledger_entry SELECT tenant, sku, location, 1, 'OUTSIDE', 'SELLABLE', on_hand,"
    " 'SNAPSHOT', '', false, now(), now() FROM stock_position",
    "INSERT INTO stock_feed (tenant, source, sku, location, snapshot_sequence, snapshot_value,"
    " delta_sum, gap_sequence, reported_at) SELECT tenant, %(source)s, sku, location, 1, on_hand,"
    " 0, 0, now() FROM stock_position",
    'INSERT INTO signal_source VALUES (%(tenant)s, %(source)s, 1, \'{"migrated": true, "owns":'
    ' [{"location": "*", "states": []}]}\')',
    "INSERT INTO source_registry VALUES (%(tenant)s, 1)",
    "INSERT INTO stock_source (tenant, source, seen, received, reported_at)"
    " VALUES (%(tenant)s, %(source)s, '[[1, 1]]', 1, now())",
)


@dataclass(frozen=True)
class Scale:
    """What was made, and in how many seconds."""

    skus: int
    positions: int
    seconds: float

    def sku(self, number: int) -> str:
        """The SKU of a number below ``skus``."""
        return f"SKU-{number:08}"

    def location(self, number: int) -> str:
        """The location of a number below LOCATIONS; the first two ship."""
        return f"L-{number:03}"


def generate(connection: psycopg.Connection, positions: int) -> Scale:
    """About so many positions in a migrated database; every SKU is everywhere."""
    skus = max(1, positions // LOCATIONS)
    values = {
        "tenant": TENANT,
        "skus": skus,
        "locations": LOCATIONS,
        "on_hand": ON_HAND,
        "source": SOURCE,
    }
    began = time.monotonic()
    connection.autocommit = True
    connection.execute("SET synchronous_commit = off")
    for statement in _STATEMENTS:
        connection.execute(statement, values)
    connection.execute("VACUUM ANALYZE")
    return Scale(skus, skus * LOCATIONS, time.monotonic() - began)
