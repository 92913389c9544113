"""Journals made by hand and written as posting writes them, without rules."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any

from sqlalchemy import text
from tandem_finance_posting.adapters.postgres import balance_rows, journal_rows
from tandem_finance_posting.domain.approval import Approval
from tandem_finance_posting.domain.finance_event import FinanceEvent
from tandem_finance_posting.domain.journal import Journal, JournalLine, journal_id
from tandem_finance_posting.domain.posting_rule import Side
from tandem_platform.unit_of_work import UnitOfWorkFactory

NOW = datetime(2026, 3, 20, 12, tzinfo=UTC)
TENANT, ENTITY, BOOK = "t", "US01", "MAIN"
LEDGER = (TENANT, ENTITY, BOOK)


@dataclass
class JournalsUnderTest:
    """Writes journals and reads rows."""

    units: UnitOfWorkFactory
    made: int = 0
    journals: list[Journal] = field(default_factory=list)

    def journal(self, debit: str = "BANK", credit: str = "AR_ORDER", amount: int = 500,
                day: date = date(2026, 3, 2), **rest: Any) -> Journal:  # fmt: skip
        """One of two lines; ``original`` and ``accounting`` differ from ``day`` when given."""
        self.made += 1
        order_id = rest.pop("order_id", f"o{self.made}")
        event = FinanceEvent(
            tenant=rest.pop("tenant", TENANT), source_system="test", type="test.done",
            id=f"e{self.made}", legal_entity=rest.get("legal_entity", ENTITY),
            original_date=rest.pop("original", day), currency_code="USD", facts={},
            order_id=order_id,
        )  # fmt: skip
        book = rest.setdefault("book", BOOK)
        dimensions = rest.pop("dimensions", {"order_id": order_id})
        return Journal(
            id=journal_id(event, book, "primary", 1), event=event, purpose="primary",
            rule_set="test/1", rule_id="P00", accounting_date=rest.pop("accounting", day),
            functional_currency_code=rest.pop("functional", "USD"),
            legal_entity=rest.pop("legal_entity", ENTITY),
            lines=(
                JournalLine(debit, Side.DEBIT, amount, dimensions, "d"),
                JournalLine(credit, Side.CREDIT, amount, dimensions, "c"),
            ), **rest,
        )  # fmt: skip

    async def write(self, *journals: Journal, now: datetime = NOW) -> None:
        """In one transaction, numbered and added to the balances."""
        async with self.units() as uow:
            await write_in(uow.connection, journals, now)
            await uow.commit()
        self.journals += journals

    async def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """What a query sees."""
        async with self.units.database.transaction() as connection:
            return [tuple(row) for row in await connection.execute(text(sql))]

    async def alter(self, sql: str) -> None:
        """What somebody with a password can do."""
        async with self.units.database.transaction() as connection:
            await connection.execute(text(sql))


async def write_in(connection: Any, journals: Sequence[Journal], now: datetime) -> None:
    """Numbers and writes journals on an open connection."""
    numbered = await journal_rows.number_journals(connection, [(j, "") for j in journals])
    await journal_rows.write_journals(connection, numbered, now)
    await balance_rows.add_to_balances(connection, numbered, now)


APPROVED = (Approval("ann", NOW, "asked"), Approval("bob", NOW, "agreed"))
