"""A ledger of any size made by SQL: journals of two lines over a year, balances and events of them.

Ten million lines through the service would take an hour and measure posting again; what is read is
the same either way, for the balances are made by the migration's own sum over the lines.
"""

from __future__ import annotations

import psycopg
from tandem_testing.grpc_wire import TENANT

ROLES = (
    ("PSP_CLEARING", "CUSTOMER_DEPOSIT"),
    ("CUSTOMER_DEPOSIT", "AR_ORDER"),
    ("AR_ORDER", "REV_PRODUCT"),
    ("COGS", "INVENTORY"),
    ("REV_RETURNS", "REFUND_PAYABLE"),
)
DAYS = 365
PART = 500_000

_JOURNALS = """
    INSERT INTO journal (tenant, id, sequence, legal_entity, book, event_key, event_type, purpose,
        generation, original_date, accounting_date, recorded_at, rule_set, rule_id, order_id,
        currency_code, trace_id, functional_currency_code)
    SELECT %(tenant)s, CAST(lpad(to_hex(n), 32, '0') AS uuid), n, 'US01', 'MAIN',
           'bench:payment.captured:' || n || ':1', 'payment.captured', 'primary', 1, d, d,
           d + interval '12 hours', 'retail-default/1', 'P03', 'o' || n, 'USD', '', 'USD'
    FROM generate_series(CAST(%(first)s AS bigint), %(last)s) AS n,
         LATERAL (SELECT date '2025-01-01' + CAST(n %% %(days)s AS integer) AS d) AS on_day
"""
_LINES = """
    INSERT INTO journal_line (tenant, journal_id, number, legal_entity, book, accounting_date, role,
        side, amount_minor, currency_code, dimensions, rule_line, functional_minor)
    SELECT %(tenant)s, CAST(lpad(to_hex(n), 32, '0') AS uuid), s.number, 'US01', 'MAIN',
           date '2025-01-01' + CAST(n %% %(days)s AS integer),
           CASE s.number WHEN 1 THEN (CAST(%(debits)s AS text[]))[1 + n %% %(kinds)s]
                         ELSE (CAST(%(credits)s AS text[]))[1 + n %% %(kinds)s] END,
           s.side, 100 + n %% 9000, 'USD', '{}', 'line', 100 + n %% 9000
    FROM generate_series(CAST(%(first)s AS bigint), %(last)s) AS n,
         (VALUES (1, 'DEBIT'), (2, 'CREDIT')) AS s (number, side)
"""
_BALANCES = """
    INSERT INTO ledger_balance
    SELECT l.tenant, l.legal_entity, l.book, l.role, l.currency_code, 'USD', l.accounting_date,
           l.accounting_date, l.accounting_date,
           coalesce(sum(l.amount_minor) FILTER (WHERE l.side = 'DEBIT'), 0),
           coalesce(sum(l.amount_minor) FILTER (WHERE l.side = 'CREDIT'), 0),
           coalesce(sum(l.functional_minor) FILTER (WHERE l.side = 'DEBIT'), 0),
           coalesce(sum(l.functional_minor) FILTER (WHERE l.side = 'CREDIT'), 0)
    FROM journal_line l GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9
"""
_DAYS = """
    INSERT INTO ledger_day
    SELECT tenant, legal_entity, book, accounting_date, accounting_date, accounting_date, count(*)
    FROM journal GROUP BY 1, 2, 3, 4, 5, 6
"""
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


def generate_lines(url: str, lines: int) -> None:
    """Journals of two lines each, ``lines`` in all, and their balances."""
    arguments = {
        "tenant": TENANT,
        "days": DAYS,
        "kinds": len(ROLES),
        "debits": [debit for debit, _ in ROLES],
        "credits": [credit for _, credit in ROLES],
    }
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("SET synchronous_commit = off")
        for first in range(1, lines // 2 + 1, PART):
            part = {**arguments, "first": first, "last": min(first + PART - 1, lines // 2)}
            connection.execute(_JOURNALS, part)
            connection.execute(_LINES, part)
        connection.execute(_BALANCES)
        connection.execute(_DAYS)
        connection.execute("VACUUM ANALYZE journal, journal_line, ledger_balance, ledger_day")


def generate_events(url: str, events: int) -> None:
    """Posted events, captures and shipments in turn, with their stamped facts."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("SET synchronous_commit = off")
        for first in range(1, events + 1, PART):
            last = min(first + PART - 1, events)
            arguments = {"tenant": TENANT, "days": DAYS, "first": first, "last": last}
            connection.execute(_EVENTS, arguments)
        connection.execute("VACUUM ANALYZE finance_event")
