"""What keeps a period from being closed, each kind found by a read of its own.

A check is a function of a connection, a scope and the policy. `BOOK_CHECKS` read every line and see
nothing but journals: they are made before the ledger is locked, and again under the lock only when
journals of the period came in between. At ten million lines they take seconds, in which nobody
could post. `QUICK_CHECKS` are made under the lock.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from datetime import timedelta
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from tandem_finance_posting.adapters.postgres import seal_rows
from tandem_finance_posting.adapters.postgres.balance_rows import balance_differences
from tandem_finance_posting.domain.close_check import (
    EXAMPLES_MAX,
    Blocker,
    BlockerKind,
    ClosePolicy,
    CloseScope,
    JudgedBooks,
)

CloseCheck = Callable[[AsyncConnection, CloseScope, ClosePolicy], Awaitable[list[Blocker]]]

_HELD = text("""
    SELECT currency_code, count(*), sum(value_minor),
           (array_agg(event_key ORDER BY accepted_no))[1:20]
    FROM finance_event
    WHERE tenant = :tenant AND legal_entity = :entity AND state = 'HELD'
      AND original_date <= :last
    GROUP BY currency_code ORDER BY currency_code
""")
_EXPORTED = text("""
    SELECT EXISTS (SELECT 1 FROM export_ledger
                   WHERE tenant = :tenant AND legal_entity = :entity AND book = :book)
""")
_UNACKNOWLEDGED = text("""
    SELECT count(*), (array_agg(id ORDER BY sequence))[1:20] FROM (
        SELECT j.sequence, CAST(j.id AS text) AS id FROM journal j
        WHERE j.tenant = :tenant AND j.legal_entity = :entity AND j.book = :book
          AND j.accounting_date <= :last
          AND NOT EXISTS (SELECT 1 FROM export_member m
                          WHERE m.tenant = j.tenant AND m.journal_id = j.id
                            AND m.state = 'ACKED')
    ) AS waiting
""")
_SEALED = text("""
    SELECT count(*) FROM journal
    WHERE tenant = :tenant AND legal_entity = :entity AND book = :book
      AND sequence > :head AND accounting_date <= :last
""")
_GAPS = text("""
    SELECT count(*), (array_agg(source ORDER BY source))[1:20] FROM source_sequence
    WHERE tenant = :tenant AND legal_entity = :entity AND business_date <= :last
      AND (kind = 'STREAM' OR business_date >= :first)
      AND NOT isempty(int8multirange(int8range(1, greatest(coalesce(upper(seen) - 1, 0),
                                               coalesce(declared_last, 0)), '[]'))
                      - seen - voided)
""")
_ASSERTED = text("""
    SELECT source, currency_code, count(*), sum(value_minor), (array_agg(ref ORDER BY ref))[1:20]
    FROM asserted_blocker
    WHERE tenant = :tenant AND legal_entity = :entity AND book = :book AND first_date = :first
    GROUP BY source, currency_code ORDER BY source, currency_code
""")
# What was booked up to the cut-off, less all that cleared it up to the end: the oldest goes first,
# so what is left is at least as old as the cut-off.
_WHOLE_ROLES = text("""
    SELECT role, currency_code,
           sum(debit_minor) FILTER (WHERE accounting_date <= :cutoff) AS old_debit,
           sum(credit_minor) FILTER (WHERE accounting_date <= :cutoff) AS old_credit,
           sum(debit_minor) AS debit, sum(credit_minor) AS credit
    FROM ledger_balance
    WHERE tenant = :tenant AND legal_entity = :entity AND book = :book
      AND accounting_date <= :last AND role = ANY(:roles)
    GROUP BY role, currency_code ORDER BY role, currency_code
""")
_ORDER_ROLES = text("""
    WITH cases AS (
        SELECT l.role, l.currency_code, j.order_id,
               greatest(
                   coalesce(sum(l.amount_minor) FILTER (
                       WHERE l.side = 'DEBIT' AND l.accounting_date <= :cutoff), 0)
                   - coalesce(sum(l.amount_minor) FILTER (WHERE l.side = 'CREDIT'), 0),
                   coalesce(sum(l.amount_minor) FILTER (
                       WHERE l.side = 'CREDIT' AND l.accounting_date <= :cutoff), 0)
                   - coalesce(sum(l.amount_minor) FILTER (WHERE l.side = 'DEBIT'), 0)) AS open
        FROM journal_line l JOIN journal j ON j.tenant = l.tenant AND j.id = l.journal_id
        WHERE l.tenant = :tenant AND l.legal_entity = :entity AND l.book = :book
          AND l.accounting_date <= :last AND l.role = ANY(:roles)
        GROUP BY l.role, l.currency_code, j.order_id
    )
    SELECT role, currency_code, count(*), sum(open), (array_agg(order_id ORDER BY open DESC))[1:20]
    FROM cases WHERE open > :threshold GROUP BY role, currency_code ORDER BY role, currency_code
""")


def _arguments(scope: CloseScope) -> dict[str, Any]:
    tenant, entity, book = scope.ledger
    return {
        "tenant": tenant,
        "entity": entity,
        "book": book,
        "first": scope.period.first,
        "last": scope.period.last,
    }


async def held_events(
    connection: AsyncConnection, scope: CloseScope, _: ClosePolicy
) -> list[Blocker]:
    """Events of the period, or before it, that wait."""
    rows = (await connection.execute(_HELD, _arguments(scope))).all()
    if not rows:
        return []
    amounts = {row[0]: int(row[2]) for row in rows if row[2]}
    examples = [key for row in rows for key in row[3]][:EXAMPLES_MAX]
    count = sum(row[1] for row in rows)
    detail = "finance events wait for a missing fact; see the gates"
    return [Blocker(BlockerKind.HELD_EVENTS, count, detail, amounts, examples)]


async def unacknowledged_exports(
    connection: AsyncConnection, scope: CloseScope, _: ClosePolicy
) -> list[Blocker]:
    """Journals of the period the ERP has not acknowledged; none in a book that is not exported."""
    arguments = _arguments(scope)
    if not (await connection.execute(_EXPORTED, arguments)).scalar_one():
        return []
    count, examples = (await connection.execute(_UNACKNOWLEDGED, arguments)).one()
    if not count:
        return []
    detail = "journals are not acknowledged by the ERP"
    return [Blocker(BlockerKind.UNACKNOWLEDGED_EXPORTS, count, detail, {}, examples)]


async def unsealed_chain(
    connection: AsyncConnection, scope: CloseScope, _: ClosePolicy
) -> list[Blocker]:
    """Journals of the period without a seal, and chains that do not hold."""
    state = await seal_rows.chain_state(connection, scope.ledger)
    if state.broken_at is not None:
        detail = f"the chain does not hold: {state.broken_why}"
        return [Blocker(BlockerKind.UNSEALED_CHAIN, 1, detail, {}, [str(state.broken_at)])]
    arguments = {**_arguments(scope), "head": state.head.sequence}
    count = (await connection.execute(_SEALED, arguments)).scalar_one()
    if not count:
        return []
    return [Blocker(BlockerKind.UNSEALED_CHAIN, count, "journals are about to be sealed")]


async def sequence_gaps(
    connection: AsyncConnection, scope: CloseScope, _: ClosePolicy
) -> list[Blocker]:
    """Registers and streams of the entity with numbers that did not arrive."""
    count, examples = (await connection.execute(_GAPS, _arguments(scope))).one()
    if not count:
        return []
    detail = "numbers of registers or streams are missing"
    return [Blocker(BlockerKind.SEQUENCE_GAPS, count, detail, {}, examples)]


async def asserted_blockers(
    connection: AsyncConnection, scope: CloseScope, _: ClosePolicy
) -> list[Blocker]:
    """What other services said of the period."""
    rows = (await connection.execute(_ASSERTED, _arguments(scope))).all()
    return [
        Blocker(
            BlockerKind.RECONCILIATION,
            row[2],
            f"{row[0]} has open cases that block",
            {row[1]: int(row[3])} if row[1] else {},
            row[4],
        )
        for row in rows
    ]


async def uncleared_roles(
    connection: AsyncConnection, scope: CloseScope, policy: ClosePolicy
) -> list[Blocker]:
    """Roles that must come back to zero over all and hold something old."""
    arguments = _clearing_arguments(scope, policy)
    rows = await connection.execute(
        _WHOLE_ROLES, {**arguments, "roles": sorted(policy.clear_as_whole)}
    )
    return list(_whole_roles(rows.mappings(), policy))


async def uncleared_orders(
    connection: AsyncConnection, scope: CloseScope, policy: ClosePolicy
) -> list[Blocker]:
    """Orders whose roles must come back to zero and hold something old."""
    arguments = _clearing_arguments(scope, policy)
    rows = await connection.execute(
        _ORDER_ROLES, {**arguments, "roles": sorted(policy.clear_by_order)}
    )
    return [
        Blocker(
            BlockerKind.UNCLEARED_ROLES,
            count,
            f"{role} is not cleared for {count} orders",
            {currency: int(amount)},
            examples,
        )
        for role, currency, count, amount, examples in rows
    ]


def _clearing_arguments(scope: CloseScope, policy: ClosePolicy) -> dict[str, Any]:
    return {
        **_arguments(scope),
        "cutoff": scope.period.last - timedelta(days=policy.clearing_days),
        "threshold": policy.threshold_minor,
    }


def _whole_roles(rows: Iterable[Mapping[Any, Any]], policy: ClosePolicy) -> Iterable[Blocker]:
    for row in rows:
        debit = (row["old_debit"] or 0) - row["credit"]
        credit = (row["old_credit"] or 0) - row["debit"]
        stale = int(max(debit, credit))
        if stale > policy.threshold_minor:
            detail = f"{row['role']} holds what is older than {policy.clearing_days} days"
            yield Blocker(
                BlockerKind.UNCLEARED_ROLES,
                1,
                detail,
                {row["currency_code"]: stale},
                [row["role"]],
            )


async def differing_balances(
    connection: AsyncConnection, scope: CloseScope, _: ClosePolicy
) -> list[Blocker]:
    """Balances of the period that are not the sum of their lines."""
    tenant, entity, _book = scope.ledger
    days = (scope.period.first, scope.period.last)
    _compared, different = await balance_differences(connection, tenant, entity, days)
    if not different:
        return []
    detail = "balances are not the sum of their lines: the books were altered"
    roles = sorted({item.role for item in different})[:EXAMPLES_MAX]
    return [Blocker(BlockerKind.BALANCES_DIFFER, len(different), detail, {}, roles)]


BOOK_CHECKS: tuple[CloseCheck, ...] = (uncleared_orders, differing_balances)
QUICK_CHECKS: tuple[CloseCheck, ...] = (
    held_events,
    unacknowledged_exports,
    uncleared_roles,
    sequence_gaps,
    unsealed_chain,
    asserted_blockers,
)
_LAST = text("""
    SELECT coalesce(max(last), 0) FROM journal_sequence
    WHERE tenant = :tenant AND legal_entity = :entity AND book = :book
""")
_POSTED_SINCE = text("""
    SELECT EXISTS (SELECT 1 FROM journal
                   WHERE tenant = :tenant AND legal_entity = :entity AND book = :book
                     AND sequence > :number AND accounting_date <= :last)
""")


async def run_checks(
    connection: AsyncConnection,
    checks: Iterable[CloseCheck],
    scope: CloseScope,
    policy: ClosePolicy,
) -> list[Blocker]:
    """What some checks find."""
    return [blocker for check in checks for blocker in await check(connection, scope, policy)]


async def find_blockers(
    connection: AsyncConnection, scope: CloseScope, policy: ClosePolicy
) -> list[Blocker]:
    """Everything that keeps the period from being closed, kind by kind."""
    return await run_checks(connection, (*QUICK_CHECKS, *BOOK_CHECKS), scope, policy)


async def judge_books(
    connection: AsyncConnection, scope: CloseScope, policy: ClosePolicy
) -> JudgedBooks:
    """What `BOOK_CHECKS` find, and up to which journal that holds for sure."""
    # Read first: what is posted while they run may or may not have been seen by them.
    last = (await connection.execute(_LAST, _arguments(scope))).scalar_one()
    return JudgedBooks(scope, last, await run_checks(connection, BOOK_CHECKS, scope, policy))


async def still_holds(connection: AsyncConnection, judged: JudgedBooks, scope: CloseScope) -> bool:
    """True when no journal of the scope came after those that were judged."""
    if judged.scope != scope:
        return False
    arguments = {**_arguments(scope), "number": judged.last_journal}
    return not (await connection.execute(_POSTED_SINCE, arguments)).scalar_one()
