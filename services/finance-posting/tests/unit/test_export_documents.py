"""Documents hold every line of their journals once, and can be traced back to it."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tandem_finance_posting.application.explain_export_line import explained
from tandem_finance_posting.domain.account_map import AccountMap, MapEntry, Unmapped
from tandem_finance_posting.domain.export_batch_answer import Delivered, Differs, Posted, Refused
from tandem_finance_posting.domain.export_batch_family import ExportFamily, ExportLevel
from tandem_finance_posting.domain.export_batch_lines import (
    BookJournal,
    BookLine,
    LedgerKey,
    MappedJournal,
    canonical_hash,
    journals_of_lines,
    make_document,
    map_journal,
    members_of_line,
    plan_documents,
)
from tandem_finance_posting.domain.export_format import journal_file, read_answer
from tandem_finance_posting.domain.posting_rule import Side

LEDGER = LedgerKey("t", "US01", "MAIN")
DAYS = (date(2026, 3, 1), date(2026, 3, 2), date(2026, 4, 1))
MAP = AccountMap.checked(
    1,
    [MapEntry(role, {"account": f"acc-{role}"}) for role in ("AP", "REV", "BANK", "COST")],
    [
        ExportFamily("PARTNERS", ("AP",), ExportLevel.DETAIL),
        ExportFamily("SALES", ("REV",), ExportLevel.SUMMARY, ("channel",)),
    ],
)


def journal(
    number: int, day: date, pairs: Sequence[tuple[str, str, int, str]], currency: str = "USD"
) -> BookJournal:
    """Debits and credits of equal amounts; ``pairs`` are (debit role, credit role, amount,
    channel)."""
    lines: list[BookLine] = []
    for debit, credit, amount, channel in pairs:
        for role, side in ((debit, Side.DEBIT), (credit, Side.CREDIT)):
            dims = {"channel": channel, "sku": "A"}
            lines.append(BookLine(len(lines) + 1, role, side, amount, currency, 2 * amount, dims))
    return BookJournal(f"j{number}", number, f"e{number}", day, "EUR", tuple(lines))


ROLES = st.sampled_from(["AP", "REV", "BANK", "COST"])
PAIRS = st.tuples(ROLES, ROLES, st.integers(1, 10**6), st.sampled_from(["web", "store"]))
JOURNALS = st.lists(
    st.tuples(st.sampled_from(DAYS), st.lists(PAIRS, min_size=1, max_size=4),
              st.sampled_from(["USD", "EUR"])),
    min_size=1, max_size=12,
).map(lambda drawn: [journal(n, *of) for n, of in enumerate(drawn, start=1)])  # fmt: skip


def mapped(journals: Sequence[BookJournal]) -> list[MappedJournal]:
    found = [map_journal(j, MAP, LEDGER) for j in journals]
    assert not any(isinstance(item, Unmapped) for item in found)
    return found  # type: ignore[return-value]  # asserted in the line above


@settings(max_examples=150)
@given(JOURNALS, st.integers(2, 8))
def test_every_line_of_every_journal_is_in_one_line_of_one_document(
    journals: list[BookJournal], lines_max: int
) -> None:
    planned = plan_documents(mapped(journals), lines_max)
    assert Counter(j.journal.id for doc in planned for j in doc) == Counter(j.id for j in journals)
    seen: Counter[tuple[str, int]] = Counter()
    for number, members in enumerate(planned, start=1):
        document = make_document(LEDGER, f"x{number}", members)
        assert len({m.journal.accounting_date for m in members}) == 1
        assert len(document.lines) <= lines_max or len(members) == 1
        for line in document.lines:
            behind = members_of_line(members, line.number)
            assert line.amount == sum(x.amount for _, x in behind)
            assert line.functional == sum(x.functional for _, x in behind)
            assert {(x.side, x.currency_code) for _, x in behind} == {
                (line.side, line.currency_code)
            }, "debits and credits, or two currencies, were netted"
            assert explained(line, members).agrees
            seen.update((j.id, x.number) for j, x in behind)
        for total in document.totals:
            assert total.debit == total.credit
        assert sum(t.functional_debit - t.functional_credit for t in document.totals) == 0
    assert seen == Counter((j.id, line.number) for j in journals for line in j.lines)


def test_debits_and_credits_of_one_account_are_not_netted() -> None:
    sold = journal(1, DAYS[0], [("BANK", "REV", 100, "web")])
    back = journal(2, DAYS[0], [("REV", "BANK", 30, "web")])
    document = make_document(LEDGER, "x", mapped([sold, back]))
    found = {(x.segments["account"], x.side.value, x.amount) for x in document.lines}
    assert found == {
        ("acc-BANK", "DEBIT", 100), ("acc-REV", "CREDIT", 100), ("acc-REV", "DEBIT", 30),
        ("acc-BANK", "CREDIT", 30),
    }  # fmt: skip


def test_detail_keeps_each_line_apart_and_summary_only_its_dimensions() -> None:
    journals = [
        journal(n, DAYS[0], [("AP", "REV", 10, "web"), ("AP", "REV", 5, "store")]) for n in (1, 2)
    ]
    document = make_document(LEDGER, "x", mapped(journals))
    details = [x for x in document.lines if x.family == "PARTNERS"]
    assert [(x.amount, x.dimensions["sku"]) for x in details] == [
        (10, "A"), (5, "A"), (10, "A"), (5, "A"),
    ]  # fmt: skip
    sums = [x for x in document.lines if x.family == "SALES"]
    assert [(x.amount, x.dimensions, x.member_count) for x in sums] == [
        (20, {"channel": "web"}, 2), (10, {"channel": "store"}, 2),
    ]  # fmt: skip


def test_a_changed_book_is_seen_behind_a_sealed_line() -> None:
    before = mapped([journal(1, DAYS[0], [("BANK", "REV", 100, "web")])])
    sealed = make_document(LEDGER, "x", before).lines[0]
    later = mapped([journal(1, DAYS[0], [("BANK", "REV", 101, "web")])])
    assert not explained(sealed, later).agrees
    assert not explained(replace(sealed, number=9), before).agrees


def test_a_refused_line_names_the_journals_that_are_part_of_it() -> None:
    journals = [
        journal(1, DAYS[0], [("BANK", "REV", 10, "web")]),
        journal(2, DAYS[0], [("BANK", "COST", 10, "web")]),
        journal(3, DAYS[0], [("BANK", "REV", 10, "store")]),
    ]
    found = mapped(journals)
    document = make_document(LEDGER, "x", found)
    bad = [x.number for x in document.lines if x.segments["account"] == "acc-REV"]
    assert journals_of_lines(found, bad) == {"j1", "j3"}
    assert journals_of_lines(found, [0, 99]) == set()


def test_a_journal_that_does_not_balance_is_seen() -> None:
    whole = journal(1, DAYS[0], [("BANK", "REV", 10, "web")])
    assert whole.balances
    short = replace(whole.lines[0], functional=19)
    assert not replace(whole, lines=(short, whole.lines[1])).balances
    other = replace(whole.lines[0], currency_code="EUR")
    assert not replace(whole, lines=(other, whole.lines[1])).balances


def test_texts_that_join_alike_do_not_hash_alike() -> None:
    ways = [[["ab", "c"]], [["a", "bc"]], [["ab"], ["c"]], [["ab", "c", ""]]]
    assert len({canonical_hash(records) for records in ways}) == len(ways)


def test_a_file_carries_exact_amounts_and_its_control_totals() -> None:
    journals = [journal(n, DAYS[0], [("BANK", "REV", 1005, 'a,b"c')], "JPY") for n in (1, 2)]
    document = make_document(LEDGER, "tandem:US01:MAIN:b:1:1", mapped(journals))
    rows = list(csv.reader(io.StringIO(journal_file(document))))
    assert rows[0][3:] == ["tandem:US01:MAIN:b:1:1", "US01", "MAIN", "2026-03-01", "EUR", "2", "2"]
    lines = [row for row in rows if row[0] == "L"]
    amounts = ["2010", "JPY", "40.20"]
    assert [[row[2], *row[4:8]] for row in lines] == [
        ["acc-BANK", "DEBIT", *amounts],
        ["acc-REV", "CREDIT", *amounts],
    ]
    assert rows[-2] == ["C", "JPY", "2010", "2010", "40.20", "40.20"]
    assert rows[-1] == ["T", "2", document.content_hash]


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("x,POSTED,JV-1\n", Posted("JV-1")),
        ("other,POSTED,JV-1\n", Delivered("")),
        ("", Delivered("")),
        ("x,FAILED,LOCKED,period is locked,2 3\n", Refused("LOCKED", "period is locked", (2, 3))),
        ("x,FAILED,LOCKED,period is locked,\n", Refused("LOCKED", "period is locked", ())),
    ],
)
def test_an_acknowledgement_file_is_read(text: str, answer: object) -> None:
    document = make_document(LEDGER, "x", mapped([journal(1, DAYS[0], [("AP", "REV", 1, "")])]))
    assert read_answer(text, document) == answer


@pytest.mark.parametrize("text", ["x,MAYBE\n", "x,FAILED,A,B,two\n", "x\n"])
def test_an_acknowledgement_nobody_can_read_is_a_matter_for_a_person(text: str) -> None:
    document = make_document(LEDGER, "x", mapped([journal(1, DAYS[0], [("AP", "REV", 1, "")])]))
    assert isinstance(read_answer(text, document), Differs)
