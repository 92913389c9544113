"""Balances to the wire."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import RowMapping
from tandem.common.v1.money_pb2 import Money
from tandem.finance.v1 import ledger_service_pb2 as api

from tandem_finance_posting.adapters.postgres.balance_reads import DateBasis

BASES = {
    api.DATE_BASIS_UNSPECIFIED: DateBasis.ACCOUNTING,
    api.DATE_BASIS_ACCOUNTING: DateBasis.ACCOUNTING,
    api.DATE_BASIS_ORIGINAL: DateBasis.ORIGINAL,
    api.DATE_BASIS_RECORDED: DateBasis.RECORDED,
}


def _money(row: Mapping[Any, Any], amount: Any, *, functional: bool = False) -> Money:
    code = row["functional_currency_code" if functional else "currency_code"]
    return Money(currency_code=code, minor_units=int(amount))


def to_role_balance(row: RowMapping) -> api.RoleBalance:
    """What a role holds."""
    functional_debit, functional_credit = row["functional_debit"], row["functional_credit"]
    return api.RoleBalance(
        legal_entity=row["legal_entity"],
        book=row["book"],
        role=row["role"],
        debit=_money(row, row["debit"]),
        credit=_money(row, row["credit"]),
        balance=_money(row, row["debit"] - row["credit"]),
        functional_debit=_money(row, functional_debit, functional=True),
        functional_credit=_money(row, functional_credit, functional=True),
        functional_balance=_money(row, functional_debit - functional_credit, functional=True),
    )


def to_movement(row: RowMapping) -> api.RoleMovement:
    """What a role held, what moved, and what it holds."""
    closing = row["opening"] + row["debit"] - row["credit"]
    functional_closing = (
        row["functional_opening"] + row["functional_debit"] - row["functional_credit"]
    )
    return api.RoleMovement(
        legal_entity=row["legal_entity"],
        book=row["book"],
        role=row["role"],
        opening=_money(row, row["opening"]),
        debit=_money(row, row["debit"]),
        credit=_money(row, row["credit"]),
        closing=_money(row, closing),
        functional_opening=_money(row, row["functional_opening"], functional=True),
        functional_debit=_money(row, row["functional_debit"], functional=True),
        functional_credit=_money(row, row["functional_credit"], functional=True),
        functional_closing=_money(row, functional_closing, functional=True),
    )


def to_differences(rows: Iterable[RowMapping], *, functional: bool = False) -> list[Money]:
    """Debits less credits per currency."""
    prefix = "functional_" if functional else ""
    sums: dict[str, int] = {}
    for row in rows:
        code = row[f"{prefix}currency_code"]
        sums[code] = sums.get(code, 0) + int(row[f"{prefix}debit"] - row[f"{prefix}credit"])
    return [Money(currency_code=code, minor_units=amount) for code, amount in sums.items()]
