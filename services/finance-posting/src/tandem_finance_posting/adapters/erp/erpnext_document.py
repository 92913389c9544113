"""A document as an ERPNext journal entry, and the comparison of one with ours."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

from tandem_finance_posting.domain.account_map import ACCOUNT
from tandem_finance_posting.domain.export_batch_lines import ErpDocument, ErpLine
from tandem_finance_posting.domain.export_format import amount_text
from tandem_finance_posting.domain.posting_rule import Side

EXTERNAL_ID = "cheque_no"
RATE_DIGITS = Decimal("0.000000001")


def to_entry(document: ErpDocument) -> dict[str, Any]:
    """The body of a new journal entry. Amounts are texts: a JSON number may lose a cent."""
    home = document.functional_currency_code
    day = document.accounting_date.isoformat()
    return {
        "doctype": "Journal Entry",
        "voucher_type": "Journal Entry",
        "company": document.legal_entity,
        "finance_book": document.book,
        "posting_date": day,
        EXTERNAL_ID: document.external_id,
        "cheque_date": day,
        "user_remark": document.content_hash,
        "multi_currency": int(any(line.currency_code != home for line in document.lines)),
        "accounts": [_account(line, home) for line in document.lines],
    }


def _account(line: ErpLine, home: str) -> dict[str, Any]:
    debit = line.side is Side.DEBIT
    amount = amount_text(line.amount, line.currency_code)
    functional = amount_text(line.functional, home)
    no_amount, no_functional = amount_text(0, line.currency_code), amount_text(0, home)
    row: dict[str, Any] = {
        **line.segments,
        "account": line.segments[ACCOUNT],
        "account_currency": line.currency_code,
        "debit_in_account_currency": amount if debit else no_amount,
        "credit_in_account_currency": no_amount if debit else amount,
        "debit": functional if debit else no_functional,
        "credit": no_functional if debit else functional,
        "user_remark": line.member_hash,
    }
    if line.currency_code != home and line.amount:
        row["exchange_rate"] = str((Decimal(functional) / Decimal(amount)).quantize(RATE_DIGITS))
    return row


def difference(entry: Mapping[str, Any], document: ErpDocument) -> str:
    """What is other in an entry of the ERP than in ours; empty when nothing is."""
    ours = to_entry(document)
    if entry.get("posting_date") != ours["posting_date"]:
        return f"its posting date is {entry.get('posting_date')}"
    if entry.get("company") != ours["company"]:
        return f"its company is {entry.get('company')}"
    found = sorted(map(_figures, entry.get("accounts", ())))
    wanted = sorted(map(_figures, ours["accounts"]))
    if found != wanted:
        return f"its {len(found)} lines are not our {len(wanted)}"
    return ""


def _figures(row: Mapping[str, Any]) -> tuple[str, Decimal, Decimal, Decimal, Decimal]:
    """Account and amounts; lines may come back in another order and with more fields."""
    return (
        str(row.get("account")),
        _decimal(row.get("debit_in_account_currency")),
        _decimal(row.get("credit_in_account_currency")),
        _decimal(row.get("debit")),
        _decimal(row.get("credit")),
    )


def _decimal(value: object) -> Decimal:
    try:
        return Decimal(str(value))
    except InvalidOperation:
        return Decimal("-1")
