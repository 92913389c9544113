"""A document as ERPNext gets it, and what counts as the same one when it comes back."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from tandem_finance_posting.adapters.erp.erpnext_document import difference, to_entry
from tandem_finance_posting.domain.export_batch_lines import ErpDocument, ErpLine
from tandem_finance_posting.domain.posting_rule import Side


def line(number: int, side: Side, amount: int, functional: int, **rest: Any) -> ErpLine:
    return ErpLine(
        number=number, segments=rest.pop("segments", {"account": f"acc-{number}"}), family="",
        side=side, currency_code=rest.pop("currency", "EUR"), amount=amount,
        functional=functional, dimensions={}, member_count=1, member_hash="m",
    )  # fmt: skip


DOCUMENT = ErpDocument(
    "US01", "MAIN", "tandem:US01:MAIN:b:1:1", date(2026, 3, 2), "USD",
    (
        line(1, Side.DEBIT, 10_900, 11_990),
        line(2, Side.CREDIT, 10_900, 11_990, segments={"account": "AP", "party": "V1"}),
        # A rate difference has no amount in the currency of the transaction.
        line(3, Side.DEBIT, 0, 218), line(4, Side.CREDIT, 0, 218, currency="USD"),
    ),
)  # fmt: skip


def test_amounts_are_exact_texts_in_both_currencies() -> None:
    entry = to_entry(DOCUMENT)
    assert (entry["cheque_no"], entry["company"], entry["multi_currency"]) == (
        "tandem:US01:MAIN:b:1:1", "US01", 1,
    )  # fmt: skip
    first, second, third, fourth = entry["accounts"]
    assert (first["debit_in_account_currency"], first["debit"], first["exchange_rate"]) == (
        "109.00", "119.90", "1.100000000",
    )  # fmt: skip
    assert (second["party"], second["credit"], second["debit"]) == ("V1", "119.90", "0.00")
    assert (third["debit_in_account_currency"], third["debit"]) == ("0.00", "2.18")
    assert "exchange_rate" not in third
    assert (fourth["credit"], fourth["account_currency"]) == ("2.18", "USD")


def came_back(change: Callable[[dict[str, Any]], object]) -> dict[str, Any]:
    """The entry as ERPNext returns it: amounts as numbers, more fields, lines in another order."""
    entry = json.loads(json.dumps(to_entry(DOCUMENT)))
    for row in entry["accounts"]:
        for name in ("debit", "credit", "debit_in_account_currency", "credit_in_account_currency"):
            row[name] = float(row[name])
        row["cost_center"] = "Main"
    entry["accounts"].reverse()
    change(entry)
    found: dict[str, Any] = json.loads(json.dumps(entry), parse_float=Decimal)
    return found


def test_the_same_entry_in_another_dress_is_the_same() -> None:
    assert difference(came_back(lambda entry: None), DOCUMENT) == ""


@pytest.mark.parametrize(
    "change",
    [
        lambda entry: entry["accounts"].pop(),
        lambda entry: entry["accounts"][0].update(credit=2.19),
        lambda entry: entry["accounts"][0].update(account="other"),
        lambda entry: entry["accounts"][0].update(credit=None),
        lambda entry: entry["accounts"].append(dict(entry["accounts"][0])),
        lambda entry: entry.update(posting_date="2026-03-03"),
        lambda entry: entry.update(company="DE01"),
        lambda entry: entry.pop("accounts"),
    ],
)
def test_an_entry_that_is_other_in_any_figure_differs(
    change: Callable[[dict[str, Any]], object],
) -> None:
    assert difference(came_back(change), DOCUMENT) != ""
