"""Rows of adjustments, and what they read of journals, events, rates and open items."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import date
from typing import Any

from sqlalchemy import RowMapping, text
from tandem_core.errors import NotFound
from tandem_platform.unit_of_work import UnitOfWork

from tandem_finance_posting.adapters.postgres import currency_rows, prior_rows
from tandem_finance_posting.adapters.postgres.posting_transaction import PostgresPostingTransaction
from tandem_finance_posting.adapters.postgres.rule_store import RuleStore
from tandem_finance_posting.application.ports import PostingTransaction
from tandem_finance_posting.application.propose_repost import EVENTS_MAX
from tandem_finance_posting.domain.adjustment import Adjustment, AdjustmentKind, AdjustmentState
from tandem_finance_posting.domain.currency_rates import MonetaryItem, Pair, RateTable
from tandem_finance_posting.domain.errors import ReversalRefused
from tandem_finance_posting.domain.event_posting import DEPOSIT_APPLIED
from tandem_finance_posting.domain.finance_event import FinanceEvent
from tandem_finance_posting.domain.reversal import Prior
from tandem_finance_posting.domain.rule_set import RuleSet

COLUMNS = "id, kind, state, document, maker, proposed_at, checker, decided_at, reason, result"

_ADD = text("""
    INSERT INTO adjustment (tenant, id, kind, state, document, maker, proposed_at, result)
    VALUES (:tenant, :id, :kind, :state, CAST(:document AS jsonb), :maker, :proposed_at,
            CAST(:result AS jsonb))
""")
_LOCKED = text(f"""
    SELECT {COLUMNS} FROM adjustment
    WHERE tenant = :tenant AND kind = :kind AND id = :id FOR UPDATE
""")
_SAVE = text("""
    UPDATE adjustment SET state = :state, checker = :checker, decided_at = :decided_at,
        reason = :reason, result = CAST(:result AS jsonb)
    WHERE tenant = :tenant AND id = :id
""")
_JOURNAL = text("""
    SELECT event_key, event_type, reverses_journal_id FROM journal
    WHERE tenant = :tenant AND id = CAST(:id AS uuid)
""")
_REVISIONS = text("""
    SELECT count(*) FROM finance_event WHERE tenant = :tenant AND event_key = ANY(:keys)
""")
_TO_REPOST = text("""
    SELECT event_key FROM finance_event
    WHERE tenant = :tenant AND legal_entity = :entity AND event_type = :type AND state = 'POSTED'
      AND original_date BETWEEN :first AND :last
    ORDER BY accepted_no LIMIT :rows
""")
# A sealed rate never changes: journals were converted at it.
_SEAL = text("""
    INSERT INTO currency_rate (tenant, from_currency, to_currency, day, rate_nano)
    SELECT :tenant, f, t, :day, r FROM unnest(CAST(:sources AS text[]), CAST(:targets AS text[]),
                                              CAST(:rates AS bigint[])) AS n (f, t, r)
    ON CONFLICT DO NOTHING
""")
_SEALED = text("""
    SELECT from_currency, to_currency, rate_nano FROM currency_rate
    WHERE tenant = :tenant AND day = :day
""")
_ITEMS = text("""
    SELECT role, currency_code, sum(amount_minor), sum(functional_minor) FROM fx_item
    WHERE tenant = :tenant AND legal_entity = :entity AND book = 'MAIN'
    GROUP BY role, currency_code
    HAVING sum(amount_minor) <> 0 OR sum(functional_minor) <> 0
""")


class PostgresAdjustmentStore:
    """Adjustments of one tenant in one unit of work."""

    def __init__(self, unit: UnitOfWork, tenant: str, rules: RuleStore) -> None:
        self._unit = unit
        self._tenant = tenant
        self._rules = rules
        self._posting = PostgresPostingTransaction(unit, rules)

    @property
    def posting(self) -> PostingTransaction:
        """Posting in the same transaction."""
        return self._posting

    async def add(self, adjustment: Adjustment) -> None:
        """Stores a proposal."""
        arguments = {
            "tenant": self._tenant,
            "id": adjustment.id,
            "kind": str(adjustment.kind),
            "state": str(adjustment.state),
            "document": json.dumps({**adjustment.document, "why": adjustment.why}),
            "maker": adjustment.maker,
            "proposed_at": adjustment.proposed_at,
            "result": "{}",
        }
        await self._unit.connection.execute(_ADD, arguments)

    async def locked(self, kind: AdjustmentKind, adjustment_id: str) -> Adjustment:
        """A proposal. Raises NotFound."""
        arguments = {"tenant": self._tenant, "kind": str(kind), "id": adjustment_id}
        rows = (await self._unit.connection.execute(_LOCKED, arguments)).mappings().all()
        if not rows:
            raise NotFound("adjustment", adjustment_id)
        return adjustment_of(rows[0])

    async def save(self, adjustment: Adjustment) -> None:
        """Writes its decision and result."""
        arguments = {
            "tenant": self._tenant,
            "id": adjustment.id,
            "state": str(adjustment.state),
            "checker": adjustment.checker,
            "decided_at": adjustment.decided_at,
            "reason": adjustment.reason,
            "result": json.dumps({"journal_ids": list(adjustment.journal_ids)}),
        }
        await self._unit.connection.execute(_SAVE, arguments)

    async def of_journal(self, journal_id: str) -> Prior:
        """The event of a journal. Raises NotFound, ReversalRefused."""
        arguments = {"tenant": self._tenant, "id": journal_id}
        row = (await self._unit.connection.execute(_JOURNAL, arguments)).one_or_none()
        if row is None:
            raise NotFound("journal", journal_id)
        if row[1] == DEPOSIT_APPLIED:
            raise ReversalRefused(journal_id, "it follows from payment and shipment")
        if row[2] is not None:
            raise ReversalRefused(journal_id, "it is a reversal itself")
        key = (self._tenant, row[0])
        known = await prior_rows.load(self._unit.connection, [key], lock=False)
        return known[key]

    async def earlier_revision(self, event: FinanceEvent) -> bool:
        """True when an earlier revision of the event is known."""
        keys = [event.key_of(revision) for revision in range(1, event.revision)]
        arguments = {"tenant": self._tenant, "keys": keys}
        return bool((await self._unit.connection.execute(_REVISIONS, arguments)).scalar_one())

    async def keys_to_repost(
        self, entity: str, event_type: str, days: tuple[date, date]
    ) -> Sequence[str]:
        """Keys of posted events of a range, one more than may be reposted at most."""
        arguments = {
            "tenant": self._tenant,
            "entity": entity,
            "type": event_type,
            "first": days[0],
            "last": days[1],
            "rows": EVENTS_MAX + 1,
        }
        return (await self._unit.connection.execute(_TO_REPOST, arguments)).scalars().all()

    async def seal_rates(self, day: date, rates: dict[Pair, int]) -> list[Pair]:
        """Writes rates; gives the pairs that were sealed before at another rate."""
        arguments = {
            "tenant": self._tenant,
            "day": day,
            "sources": [pair[0] for pair in rates],
            "targets": [pair[1] for pair in rates],
            "rates": list(rates.values()),
        }
        connection = self._unit.connection
        await connection.execute(_SEAL, arguments)
        rows = await connection.execute(_SEALED, {"tenant": self._tenant, "day": day})
        sealed = {(row[0], row[1]): row[2] for row in rows}
        return [pair for pair, nano in rates.items() if sealed[pair] != nano]

    async def rules(self, day: date) -> RuleSet:
        """The rule set in force."""
        catalogue = await self._rules.catalogue(self._unit.connection, self._tenant)
        return catalogue.in_force(day)

    async def rates(self, currencies: set[str], day: date) -> RateTable:
        """Sealed rates that are good for a day."""
        connection = self._unit.connection
        found = await currency_rows.load_rates(connection, [self._tenant], currencies, [day])
        return found.get(self._tenant, RateTable())

    async def open_items(self, entity: str) -> dict[tuple[str, str], MonetaryItem]:
        """Open items in foreign currency by role and currency."""
        arguments = {"tenant": self._tenant, "entity": entity}
        rows = await self._unit.connection.execute(_ITEMS, arguments)
        return {(row[0], row[1]): MonetaryItem(int(row[2]), int(row[3])) for row in rows}


def adjustment_of(row: RowMapping) -> Adjustment:
    """A proposal as stored."""
    document: dict[str, Any] = dict(row["document"])
    return Adjustment(
        id=row["id"],
        kind=AdjustmentKind(row["kind"]),
        document=document,
        maker=row["maker"],
        proposed_at=row["proposed_at"],
        why=document.pop("why"),
        state=AdjustmentState(row["state"]),
        checker=row["checker"],
        decided_at=row["decided_at"],
        reason=row["reason"],
        journal_ids=tuple(row["result"].get("journal_ids", ())),
    )
