"""Seals: no two journals have the same bytes, and any change breaks the chain where it is."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st
from tandem_finance_posting.domain.seal_chain import (
    BreakKind,
    JournalContent,
    StoredChain,
    canonical,
    extend,
    first_break,
    genesis,
)

FIELDS = st.lists(st.one_of(st.none(), st.text(max_size=5)), max_size=5)
START = genesis("t", "US01", "MAIN")


def chain(contents: list[str]) -> StoredChain:
    journals = [JournalContent(n, f"j{n}", text) for n, text in enumerate(contents, start=1)]
    seals, hole = extend(START, journals)
    assert not hole
    return StoredChain({j.sequence: j for j in journals}, {s.sequence: s for s in seals}, {})


@given(FIELDS, FIELDS)
def test_other_fields_have_other_bytes(one: list[str | None], other: list[str | None]) -> None:
    assert (canonical(one) == canonical(other)) == (one == other)


def test_ledgers_never_share_a_beginning() -> None:
    assert genesis("t", "US", "MAIN") != genesis("tU", "S", "MAIN")


@given(st.lists(st.text(max_size=5), min_size=1, max_size=8), st.data())
def test_the_first_altered_journal_is_named(contents: list[str], data: st.DataObject) -> None:
    stored = chain(contents)
    altered = data.draw(st.sets(st.integers(1, len(contents)), min_size=1))
    journals = {
        n: replace(j, content=j.content + "x") if n in altered else j
        for n, j in stored.journals.items()
    }
    head, broken = first_break(START, len(contents), replace(stored, journals=journals))
    assert broken is not None
    assert (broken.sequence, broken.kind) == (min(altered), BreakKind.CONTENT_CHANGED)
    assert head.sequence == min(altered) - 1


@given(st.lists(st.text(max_size=5), min_size=2, max_size=8), st.data())
def test_journals_that_change_places_are_found(contents: list[str], data: st.DataObject) -> None:
    place = data.draw(st.integers(1, len(contents) - 1))
    swapped = [*contents]
    swapped[place - 1], swapped[place] = swapped[place], swapped[place - 1]
    stored, other = chain(contents), chain(swapped)
    mixed = replace(stored, journals=other.journals)
    broken = first_break(START, len(contents), mixed)[1]
    assert (broken is None) == (contents == swapped)


def test_a_missing_number_ends_the_chain() -> None:
    journals = [JournalContent(n, f"j{n}", "") for n in (1, 2, 4)]
    seals, hole = extend(START, journals)
    assert hole
    assert [seal.sequence for seal in seals] == [1, 2]
