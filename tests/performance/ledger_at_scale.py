"""Posted events of any number made by SQL, captures and shipments over a year.

A million of them through the service would take minutes and measure posting again; what is read is
the same either way.
"""

from __future__ import annotations

import psycopg
from tandem_testing.grpc_wire import TENANT

DAYS = 365
PART = 500_000

_EVENTS = """
    INSERT INTO finance_event (tenant, event_key, event_type, state, legal_entity, original_date,
        order_id, currency_code, fingerprint, facts, document, skus, hold_gate, hold_detail,
        accepted_at, posted_at, source_system, event_id, revision, rule_set)
    SELECT %(tenant)s, 'bench:' || kind || ':' || n || ':1', kind, 'POSTED', 'US01',
           date '2025-01-01' + CAST(n %% %(days)s AS integer), 'o' || n, 'USD', '',
           CASE WHEN kind = 'payment.captured' THEN
               jsonb_build_object('amount', 100 + n %% 9000, 'channel', 'web')
           ELSE jsonb_build_object('ship', 0, 'channel', 'web',
               'lines', jsonb_build_array(jsonb_build_object('line_ref', '1', 'sku', 'A',
                   'quantity', 1, 'list', 100 + n %% 9000, 'discount', 0, 'funded', 0)),
               'taxes', jsonb_build_array(jsonb_build_object('amount', 8,
                                                             'jurisdiction', 'US-NY')),
               'costs', jsonb_build_array(jsonb_build_object('sku', 'A', 'cost', 40,
                                                             'currency', 'USD'))) END,
           '{}', '{}', '', '', now(), now(), 'bench', CAST(n AS text), 1, 'retail-default/1'
    FROM (SELECT n, CASE WHEN n %% 2 = 0 THEN 'payment.captured'
                         ELSE 'shipment.confirmed' END AS kind
          FROM generate_series(CAST(%(first)s AS bigint), %(last)s) AS n) AS numbered
"""


def generate_events(url: str, events: int) -> None:
    """Posted events, captures and shipments in turn, with their stamped facts."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("SET synchronous_commit = off")
        for first in range(1, events + 1, PART):
            last = min(first + PART - 1, events)
            arguments = {"tenant": TENANT, "days": DAYS, "first": first, "last": last}
            connection.execute(_EVENTS, arguments)
        connection.execute("VACUUM ANALYZE finance_event")
