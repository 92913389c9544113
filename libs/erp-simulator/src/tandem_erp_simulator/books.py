"""The ERP's own books, in SQLite: journal entries as they were sent, drafts and submitted ones."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

DRAFT, SUBMITTED, CANCELLED = 0, 1, 2
LINES_MAX = 20_000

_SCHEMA = """
CREATE TABLE IF NOT EXISTS entry (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    external_id TEXT NOT NULL,
    docstatus INTEGER NOT NULL,
    body TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS entry_external_id ON entry (external_id);
CREATE TABLE IF NOT EXISTS frozen_account (account TEXT PRIMARY KEY);
"""


class Invalid(Exception):
    """ERPNext's validation: ``kind`` is its exception type."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind


class Duplicate(Exception):
    """An entry under this name exists, and names are unique."""


class Books:
    """All entries; a single thread uses it."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._db = sqlite3.connect(folder / "erp.sqlite", isolation_level=None)
        self._db.row_factory = sqlite3.Row
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=NORMAL")
        self._db.executescript(_SCHEMA)
        self.unique = False

    def create(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """A draft. Raises Invalid, Duplicate."""
        external_id = str(body.get("cheque_no", ""))
        if self.unique and self.named(external_id):
            raise Duplicate(external_id)
        self._validate(body)
        row = self._db.execute(
            "INSERT INTO entry (external_id, docstatus, body) VALUES (?, ?, ?) RETURNING *",
            (external_id, DRAFT, json.dumps(body, default=str)),
        ).fetchone()
        return _shown(row)

    def submit(self, name: str, docstatus: int) -> dict[str, Any]:
        """Puts a draft into the ledger, or cancels what is there. Raises Invalid, KeyError."""
        row = self._row(name)
        allowed = {(DRAFT, SUBMITTED), (SUBMITTED, SUBMITTED), (SUBMITTED, CANCELLED)}
        if (row["docstatus"], docstatus) not in allowed:
            told = f"cannot go from {row['docstatus']} to {docstatus}"
            raise Invalid("UpdateAfterSubmitError", told)
        if docstatus == SUBMITTED:
            self._validate(json.loads(row["body"]))
        self._db.execute(
            "UPDATE entry SET docstatus = ? WHERE number = ?", (docstatus, row["number"])
        )
        return self.get(name)

    def get(self, name: str) -> dict[str, Any]:
        """One entry. Raises KeyError."""
        return _shown(self._row(name))

    def named(self, external_id: str) -> list[str]:
        """Names of the entries under an external id."""
        rows = self._db.execute(
            "SELECT * FROM entry WHERE external_id = ? ORDER BY number", (external_id,)
        )
        return [_name(row) for row in rows]

    def freeze(self, account: str, frozen: bool) -> None:
        """From now on entries on the account are refused, or taken again."""
        if frozen:
            self._db.execute("INSERT OR IGNORE INTO frozen_account VALUES (?)", (account,))
        else:
            self._db.execute("DELETE FROM frozen_account WHERE account = ?", (account,))

    def wipe(self) -> None:
        """New books: no entry, no frozen account, names not unique."""
        self._db.execute("DELETE FROM entry")
        self._db.execute("DELETE FROM frozen_account")
        self.unique = False

    def trial_balance(self) -> list[dict[str, str]]:
        """Debits and credits by account and currency, in the currency and in the company's."""
        sums: dict[tuple[str, str], list[Decimal]] = {}
        for row in self._db.execute("SELECT body FROM entry WHERE docstatus = ?", (SUBMITTED,)):
            for line in json.loads(row["body"])["accounts"]:
                key = (line["account"], line["account_currency"])
                found = sums.setdefault(key, [Decimal(0)] * 4)
                for place, field in enumerate(_AMOUNTS):
                    found[place] += Decimal(line[field])
        return [
            {"account": account, "currency": currency}
            | {
                field: str(value)
                for field, value in zip(_AMOUNTS, sums[account, currency], strict=True)
            }
            for account, currency in sorted(sums)
        ]

    def entries(self) -> dict[str, Any]:
        """How many there are by state, and which external ids are there more than once."""
        counts = self._db.execute("SELECT docstatus, count(*) FROM entry GROUP BY docstatus")
        twice = self._db.execute(
            "SELECT external_id FROM entry GROUP BY external_id HAVING count(*) > 1"
        )
        return {
            "by_docstatus": {str(row[0]): row[1] for row in counts},
            "twice": [row[0] for row in twice],
        }

    def _row(self, name: str) -> sqlite3.Row:
        number = name.rpartition("-")[2]
        row: sqlite3.Row | None = self._db.execute(
            "SELECT * FROM entry WHERE number = ?", (int(number) if number.isdigit() else 0,)
        ).fetchone()
        if row is None:
            raise KeyError(name)
        return row

    def _validate(self, body: Mapping[str, Any]) -> None:
        lines = body.get("accounts")
        if not isinstance(lines, list) or not 2 <= len(lines) <= LINES_MAX:
            raise Invalid("ValidationError", "Accounts table cannot be blank")
        frozen = {row[0] for row in self._db.execute("SELECT account FROM frozen_account")}
        refused = [n for n, line in enumerate(lines, start=1) if line.get("account") in frozen]
        if refused:
            told = ", ".join(f"Row #{n}: Account is frozen" for n in refused)
            raise Invalid("AccountFrozenError", told)
        debit = sum((_amount(line, "debit") for line in lines), Decimal(0))
        credit = sum((_amount(line, "credit") for line in lines), Decimal(0))
        if debit != credit:
            told = f"Total Debit must be equal to Total Credit. The difference is {debit - credit}"
            raise Invalid("ValidationError", told)


_AMOUNTS = ("debit_in_account_currency", "credit_in_account_currency", "debit", "credit")


def _amount(line: Mapping[str, Any], field: str) -> Decimal:
    try:
        value = Decimal(str(line.get(field, "0")))
    except InvalidOperation:
        raise Invalid("ValidationError", f"{field} is no amount") from None
    if value < 0:
        raise Invalid("ValidationError", f"{field} is negative")
    return value


def _name(row: sqlite3.Row) -> str:
    return f"ACC-JV-{row['number']:07d}"


def _shown(row: sqlite3.Row) -> dict[str, Any]:
    body: dict[str, Any] = json.loads(row["body"])
    return {**body, "name": _name(row), "docstatus": row["docstatus"]}
