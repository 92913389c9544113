"""What was told of late amounts, so that each is told once and not every minute."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection
from tandem.common.v1.money_pb2 import Money
from tandem.finance.v1 import events_pb2
from tandem_platform.event_journal import event_from
from tandem_platform.unit_of_work import UnitOfWork

from tandem_finance_posting.adapters.postgres.period_rows import LedgerKey
from tandem_finance_posting.adapters.wire.period_mapping import to_period
from tandem_finance_posting.domain.period import Period

_LEDGERS = text("""
    SELECT DISTINCT tenant, legal_entity, book FROM accounting_period
    WHERE state IN ('CLOSED', 'LOCKED') ORDER BY 1, 2, 3 LIMIT :rows
""")
# Told when it is new or has doubled: each single late sale after the limit is no news.
_TELL = text("""
    INSERT INTO late_posting AS l (tenant, legal_entity, book, first_date,
                                   functional_currency_code, gross_minor, told_at, version)
    VALUES (:tenant, :entity, :book, :first, :currency, :amount, :now, 1)
    ON CONFLICT (tenant, legal_entity, book, first_date, functional_currency_code)
    DO UPDATE SET gross_minor = excluded.gross_minor, told_at = excluded.told_at,
                  version = l.version + 1
    WHERE excluded.gross_minor >= 2 * l.gross_minor
    RETURNING version
""")


@dataclass(frozen=True)
class LatePeriod:
    """A closed period with what counts late for it, in minor units of a currency of the books."""

    ledger: LedgerKey
    period: Period
    currency_code: str
    amount_minor: int
    limit_minor: int


async def ledgers_with_periods(connection: AsyncConnection, rows: int) -> list[LedgerKey]:
    """Ledgers that have closed a period."""
    found = await connection.execute(_LEDGERS, {"rows": rows})
    return [(row[0], row[1], row[2]) for row in found]


async def tell_material(unit: UnitOfWork, late: LatePeriod, now: datetime) -> bool:
    """Tells that a late amount is material; False when that was told before."""
    tenant, entity, book = late.ledger
    first = late.period.first.isoformat()
    arguments = {
        "tenant": tenant,
        "entity": entity,
        "book": book,
        "first": late.period.first,
        "currency": late.currency_code,
        "amount": late.amount_minor,
        "now": now,
    }
    version = (await unit.connection.execute(_TELL, arguments)).scalar()
    if version is None:
        return False
    amounts = {late.currency_code: late.amount_minor}
    message = events_pb2.LatePostingMaterial(
        period=to_period(late.ledger, late.period, late=amounts, late_limit_minor=late.limit_minor),
        late_amount=Money(currency_code=late.currency_code, minor_units=late.amount_minor),
        limit_amount=Money(currency_code=late.currency_code, minor_units=late.limit_minor),
    )
    unit.record(
        event_from(
            message,
            aggregate_type="late_posting",
            aggregate_id=f"{entity}/{book}/{first}/{late.currency_code}",
            aggregate_version=version,
            occurred_at=now,
            tenant=tenant,
        )
    )
    return True
