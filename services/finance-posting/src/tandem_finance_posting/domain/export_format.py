"""A document as a file any ERP can read: control totals at its head and foot, amounts exact.

    H,tandem-journal,1,<external id>,<entity>,<book>,<accounting date>,<currency>,<journals>,<lines>
    L,<number>,<account>,<segments>,<DEBIT|CREDIT>,<amount>,<currency>,<functional>,<dimensions>,…
    C,<currency>,<debit>,<credit>,<functional debit>,<functional credit>
    T,<lines>,<content hash>

The reader answers in a file of its own: ``<external id>,POSTED,<its name>`` or
``<external id>,FAILED,<code>,<detail>,<numbers of lines>``.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping

from tandem_core.currencies import currency_exponent
from tandem_core.decimal_text import decimal_text

from tandem_finance_posting.domain.export_batch_answer import (
    Delivered,
    Differs,
    ErpAnswer,
    Posted,
    Refused,
)
from tandem_finance_posting.domain.export_batch_lines import ErpDocument, ErpLine

FORMAT, FORMAT_VERSION = "tandem-journal", "1"
POSTED, FAILED = "POSTED", "FAILED"


def amount_text(minor: int, currency_code: str) -> str:
    """An amount with all digits of its currency, ``"12.30"``."""
    return decimal_text(minor, currency_exponent(currency_code))


def journal_file(document: ErpDocument) -> str:
    """The document as text."""
    out = io.StringIO()
    rows = csv.writer(out, lineterminator="\n")
    home = document.functional_currency_code
    rows.writerow(
        [
            *("H", FORMAT, FORMAT_VERSION, document.external_id, document.legal_entity),
            *(document.book, document.accounting_date.isoformat(), home),
            *(len(document.journal_ids), len(document.lines)),
        ]
    )
    rows.writerows(_line(line, home) for line in document.lines)
    for total in document.totals:
        code = total.currency_code
        debit, credit = amount_text(total.debit, code), amount_text(total.credit, code)
        functional = (total.functional_debit, total.functional_credit)
        rows.writerow(["C", code, debit, credit, *(amount_text(f, home) for f in functional)])
    rows.writerow(["T", len(document.lines), document.content_hash])
    return out.getvalue()


def _line(line: ErpLine, home: str) -> list[object]:
    others = {name: text for name, text in line.segments.items() if name != "account"}
    return [
        *("L", line.number, line.segments["account"], _pairs(others), line.side.value),
        *(amount_text(line.amount, line.currency_code), line.currency_code),
        *(amount_text(line.functional, home), _pairs(line.dimensions)),
        *(line.member_count, line.member_hash),
    ]


def _pairs(values: Mapping[str, str]) -> str:
    return ";".join(f"{name}={value}" for name, value in sorted(values.items()))


def read_answer(text: str, document: ErpDocument) -> ErpAnswer:
    """What an acknowledgement file says about a document; Delivered while it says nothing of it,
    Differs when nobody can read what it says."""
    for row in csv.reader(io.StringIO(text)):
        if not row or row[0] != document.external_id:
            continue
        match row[1:]:
            case [code, ref] if code == POSTED:
                return Posted(ref)
            case [code, reason, detail, lines] if code == FAILED and _numbers(lines) is not None:
                return Refused(reason, detail, _numbers(lines) or ())
            case _:
                return Differs("", f"the acknowledgement cannot be read: {','.join(row)[:200]}")
    return Delivered("")


def _numbers(text: str) -> tuple[int, ...] | None:
    parts = text.split()
    if not all(part.isascii() and part.isdigit() for part in parts):
        return None
    return tuple(map(int, parts))
