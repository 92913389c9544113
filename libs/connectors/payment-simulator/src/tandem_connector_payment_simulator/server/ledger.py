"""The provider's truth, in SQLite: what was asked, what came of it, in the order it happened.

One operation a row. A reference is used once: asking again gives the same operation, which is
what makes a retry safe and a lost answer findable.
"""

import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

PAGE_ROWS_MAX = 250

_SCHEMA = """
CREATE TABLE IF NOT EXISTS operation (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    kind TEXT NOT NULL,
    reference TEXT UNIQUE,
    parent TEXT NOT NULL,
    order_reference TEXT NOT NULL,
    currency TEXT NOT NULL,
    value INTEGER NOT NULL,
    status TEXT NOT NULL,
    decline_reason TEXT NOT NULL,
    created_at TEXT NOT NULL
)
"""
_PREFIXES = {"authorisation": "auth", "capture": "cap", "void": "void", "refund": "ref"}


class ReferenceReused(Exception):
    """The reference was used for another operation."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What a client asks. `parent` is the operation it builds on; value in minor units."""

    kind: str
    reference: str | None
    parent: str
    order_reference: str
    currency: str
    value: int


class Ledger:
    """All operations; a single thread uses it."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._db = sqlite3.connect(folder / "ledger.sqlite", isolation_level=None)
        self._db.row_factory = sqlite3.Row
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=NORMAL")
        self._db.execute(_SCHEMA)

    def close(self) -> None:
        """Writes everything to the main file."""
        self._db.close()

    def perform(self, asked: Asked, decline_reason: str = "") -> dict[str, object]:
        """Does it once: the operation, new or the one done before under the reference.

        Raises ReferenceReused when that one was something else.
        """
        self._db.execute("BEGIN IMMEDIATE")
        try:
            found = self._by_reference(asked.reference)
            if found is None:
                found = self._insert(asked, decline_reason or self._refusal(asked))
            elif not _same(found, asked):
                raise ReferenceReused(asked.reference)
            self._db.execute("COMMIT")
        except BaseException:
            self._db.execute("ROLLBACK")
            raise
        return _shown(found)

    def by_reference(self, reference: str) -> list[dict[str, object]]:
        """The operation of a reference, if any."""
        found = self._by_reference(reference)
        return [] if found is None else [_shown(found)]

    def movements(self, after: int, limit: int) -> tuple[list[dict[str, object]], int, bool]:
        """Captures and refunds after a position, the new position, and whether there are more."""
        limit = max(1, min(limit, PAGE_ROWS_MAX))
        rows = self._db.execute(
            "SELECT * FROM operation WHERE number > ? AND status = 'succeeded'"
            " AND kind IN ('capture', 'refund') ORDER BY number LIMIT ?",
            (after, limit + 1),
        ).fetchall()
        page = rows[:limit]
        last = page[-1]["number"] if page else after
        return [_shown(row) for row in page], last, len(rows) > limit

    def totals(self) -> list[dict[str, object]]:
        """Count and sum by kind, status and currency: what a test or a report compares with."""
        return [
            dict(row)
            for row in self._db.execute(
                "SELECT kind, status, currency, count(*) AS operations, sum(value) AS value"
                " FROM operation GROUP BY kind, status, currency ORDER BY kind, status, currency"
            )
        ]

    def _insert(self, asked: Asked, decline_reason: str) -> sqlite3.Row:
        status = "declined" if decline_reason else "succeeded"
        row: sqlite3.Row = self._db.execute(
            "INSERT INTO operation (kind, reference, parent, order_reference, currency, value,"
            " status, decline_reason, created_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING *",
            (
                *(asked.kind, asked.reference, asked.parent, asked.order_reference),
                *(asked.currency, asked.value, status, decline_reason),
                datetime.now(UTC).isoformat(),
            ),
        ).fetchone()
        return row

    def _by_reference(self, reference: str | None) -> sqlite3.Row | None:
        found: sqlite3.Row | None = self._db.execute(
            "SELECT * FROM operation WHERE reference = ?", (reference,)
        ).fetchone()
        return found

    def _refusal(self, asked: Asked) -> str:
        """Why the provider will not do it; empty when it will."""
        if asked.kind == "authorisation" or not asked.parent:
            return ""
        parent = self._by_id(asked.parent)
        wanted = "capture" if asked.kind == "refund" else "authorisation"
        if parent is None or parent["kind"] != wanted or parent["status"] != "succeeded":
            return f"no_such_{wanted}"
        if parent["currency"] != asked.currency:
            return "currency_differs"
        if self._used(asked.parent, "void"):
            return "voided"
        taken = self._used(asked.parent, "refund" if asked.kind == "refund" else "capture")
        if asked.kind == "void":
            return "already_captured" if taken else ""
        return f"exceeds_{wanted}" if taken + asked.value > parent["value"] else ""

    def _used(self, parent: str, kind: str) -> int:
        row = self._db.execute(
            "SELECT coalesce(sum(value), 0), count(*) FROM operation"
            " WHERE parent = ? AND kind = ? AND status = 'succeeded'",
            (parent, kind),
        ).fetchone()
        return int(row[1] if kind == "void" else row[0])

    def _by_id(self, operation_id: str) -> sqlite3.Row | None:
        number = operation_id.rpartition("_")[2]
        found: sqlite3.Row | None = self._db.execute(
            "SELECT * FROM operation WHERE number = ?", (int(number) if number.isdigit() else 0,)
        ).fetchone()
        return found if found is not None and _id(found) == operation_id else None


def _id(row: sqlite3.Row) -> str:
    return f"{_PREFIXES[row['kind']]}_{row['number']:010d}"


def _same(row: sqlite3.Row, asked: Asked) -> bool:
    names = ("kind", "parent", "order_reference", "currency", "value")
    return all(row[name] == getattr(asked, name) for name in names)


def _shown(row: sqlite3.Row) -> dict[str, object]:
    shown: Mapping[str, object] = {
        "id": _id(row),
        "kind": row["kind"],
        "reference": row["reference"],
        "parent": row["parent"],
        "order_reference": row["order_reference"],
        "amount": {"currency": row["currency"], "value": row["value"]},
        "status": row["status"],
        "decline_reason": row["decline_reason"],
        "created_at": row["created_at"],
    }
    return dict(shown)
