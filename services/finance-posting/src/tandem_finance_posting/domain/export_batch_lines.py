"""Documents for the ERP from journals: lines mapped, summed by account and side, never netted.

A document holds whole journals of one accounting date, so it balances because they do. Everything
here follows from the journals and the map alone: made again later it is the same, which is what
lets a line of the ERP be traced back without a table of its members.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

from tandem_finance_posting.domain.account_map import AccountMap, Place, Unmapped
from tandem_finance_posting.domain.export_batch_family import ExportLevel
from tandem_finance_posting.domain.posting_rule import Side


@dataclass(frozen=True)
class BookLine:
    """A line of a journal as it is in the books; amounts in minor units, not negative."""

    number: int
    role: str
    side: Side
    amount: int
    currency_code: str
    functional: int
    dimensions: Mapping[str, str]


@dataclass(frozen=True)
class BookJournal:
    """A journal as it is in the books."""

    id: str
    sequence: int
    event_key: str
    accounting_date: date
    functional_currency_code: str
    lines: tuple[BookLine, ...]

    @property
    def balances(self) -> bool:
        """True when debits equal credits per currency and in the currency of the books."""
        sums: dict[str, int] = {}
        for line in self.lines:
            currency = line.currency_code
            sums[currency] = sums.get(currency, 0) + line.amount * line.side.sign
            sums[""] = sums.get("", 0) + line.functional * line.side.sign
        return not any(sums.values())


@dataclass(frozen=True)
class LedgerKey:
    """The books of one entity: what batches are made of."""

    tenant: str
    legal_entity: str
    book: str


LineKey = tuple[object, ...]


@dataclass(frozen=True)
class MappedLine:
    """A line with its account; lines of one key become one line of the ERP."""

    line: BookLine
    segments: Mapping[str, str]
    family: str
    dimensions: Mapping[str, str]
    key: LineKey


@dataclass(frozen=True)
class MappedJournal:
    """A journal that can be exported."""

    journal: BookJournal
    lines: tuple[MappedLine, ...]


@dataclass(frozen=True)
class Total:
    """Sums of one currency, in minor units; debits and credits apart."""

    currency_code: str
    debit: int
    credit: int
    functional_debit: int
    functional_credit: int


@dataclass(frozen=True)
class ErpLine:
    """A line of a document; ``member_hash`` is over the lines of journals in it."""

    number: int
    segments: Mapping[str, str]
    family: str
    side: Side
    currency_code: str
    amount: int
    functional: int
    dimensions: Mapping[str, str]
    member_count: int
    member_hash: str


@dataclass(frozen=True)
class ErpDocument:
    """One balanced entry of the ERP, as sealed."""

    legal_entity: str
    book: str
    external_id: str
    accounting_date: date
    functional_currency_code: str
    lines: tuple[ErpLine, ...]
    journal_ids: tuple[str, ...] = ()

    @property
    def totals(self) -> tuple[Total, ...]:
        """By currency, in order of their codes."""
        return total_of(self.lines)

    @property
    def content_hash(self) -> str:
        """SHA-256 of the document; its external id is part of it."""
        head = (self.external_id, self.accounting_date.isoformat(), self.functional_currency_code)
        return canonical_hash([head, *(_line_fields(line) for line in self.lines)])


@dataclass
class _Sum:
    """A line of the ERP while it grows."""

    first: MappedLine
    amount: int = 0
    functional: int = 0
    members: list[tuple[str, ...]] = field(default_factory=list)

    def add(self, journal: BookJournal, line: BookLine) -> None:
        self.amount += line.amount
        self.functional += line.functional
        self.members.append(member_fields(journal, line))


def map_journal(
    journal: BookJournal, account_map: AccountMap, ledger: LedgerKey
) -> MappedJournal | Unmapped:
    """The journal with the account of each line, or the first one that has none."""
    mapped = []
    for line in journal.lines:
        place = Place(
            ledger.legal_entity, ledger.book, line.role, line.dimensions, journal.accounting_date
        )
        account = account_map.account(place)
        if isinstance(account, Unmapped):
            return account
        mapped.append(_mapped(journal, line, account.segments, account_map))
    return MappedJournal(journal, tuple(mapped))


def _mapped(
    journal: BookJournal, line: BookLine, segments: Mapping[str, str], account_map: AccountMap
) -> MappedLine:
    family = account_map.family(line.role)
    level = family.level if family else ExportLevel.SUMMARY
    names = family.dimensions if family else ()
    if level is ExportLevel.DETAIL:
        kept = dict(line.dimensions)
        apart: tuple[object, ...] = (journal.id, line.number)
    else:
        kept = {name: line.dimensions[name] for name in names if name in line.dimensions}
        apart = ()
    key = (
        *(family.name if family else "", line.side, line.currency_code),
        *(tuple(sorted(segments.items())), tuple(sorted(kept.items())), apart),
    )
    return MappedLine(line, segments, family.name if family else "", kept, key)


def plan_documents(
    journals: Sequence[MappedJournal], lines_max: int
) -> list[tuple[MappedJournal, ...]]:
    """Journals by document: one accounting date each, in the order of the books, and as many as
    make at most ``lines_max`` lines. One journal alone may make more: it cannot be torn apart."""
    planned: list[tuple[MappedJournal, ...]] = []
    days = sorted({j.journal.accounting_date for j in journals})
    for day in days:
        taken: list[MappedJournal] = []
        keys: set[LineKey] = set()
        for journal in (j for j in journals if j.journal.accounting_date == day):
            fresh = {line.key for line in journal.lines} - keys
            if taken and len(keys) + len(fresh) > lines_max:
                planned.append(tuple(taken))
                taken, keys = [], set()
                fresh = {line.key for line in journal.lines}
            taken.append(journal)
            keys |= fresh
        planned.append(tuple(taken))
    return planned


def make_document(
    ledger: LedgerKey, external_id: str, journals: Sequence[MappedJournal]
) -> ErpDocument:
    """The document of some journals of one accounting date."""
    sums = _sums(journals)
    first = journals[0].journal
    return ErpDocument(
        legal_entity=ledger.legal_entity,
        book=ledger.book,
        external_id=external_id,
        accounting_date=first.accounting_date,
        functional_currency_code=first.functional_currency_code,
        lines=tuple(_line(n, s) for n, s in enumerate(sums.values(), start=1)),
        journal_ids=tuple(j.journal.id for j in journals),
    )


def members_of_line(
    journals: Sequence[MappedJournal], number: int
) -> list[tuple[BookJournal, BookLine]]:
    """The lines of journals behind a line of their document, in the order of the books; none for a
    number that is no line."""
    keys = list(_sums(journals))
    if not 1 <= number <= len(keys):
        return []
    key = keys[number - 1]
    return [(j.journal, m.line) for j in journals for m in j.lines if m.key == key]


def journals_of_lines(journals: Sequence[MappedJournal], numbers: Iterable[int]) -> set[str]:
    """Ids of the journals that have a part in some lines of their document; numbers that are no
    line are left out."""
    keys = list(_sums(journals))
    wanted = {keys[number - 1] for number in numbers if 1 <= number <= len(keys)}
    return {j.journal.id for j in journals if any(m.key in wanted for m in j.lines)}


def member_fields(journal: BookJournal, line: BookLine) -> tuple[str, ...]:
    """What of a line of a journal goes into the member hash."""
    return (journal.id, str(line.number), str(line.amount), str(line.functional))


def total_of(lines: Iterable[ErpLine]) -> tuple[Total, ...]:
    """Sums by currency."""
    found: dict[str, list[int]] = {}
    for line in lines:
        sums = found.setdefault(line.currency_code, [0, 0, 0, 0])
        at = 0 if line.side is Side.DEBIT else 1
        sums[at] += line.amount
        sums[at + 2] += line.functional
    return tuple(Total(code, *found[code]) for code in sorted(found))


def canonical_hash(records: Iterable[Sequence[str]]) -> str:
    """SHA-256 of records of texts, each text and each record preceded by its length: fields that
    are only joined could be split elsewhere and hash alike."""
    digest = hashlib.sha256()
    for record in records:
        digest.update(f"{len(record)}#".encode())
        for value in record:
            raw = value.encode()
            digest.update(f"{len(raw)}:".encode() + raw)
    return digest.hexdigest()


def _sums(journals: Sequence[MappedJournal]) -> dict[LineKey, _Sum]:
    """Lines of the ERP by key, in the order in which the books first name them."""
    sums: dict[LineKey, _Sum] = {}
    for journal in journals:
        for line in journal.lines:
            sums.setdefault(line.key, _Sum(line)).add(journal.journal, line.line)
    return sums


def _line(number: int, found: _Sum) -> ErpLine:
    first = found.first
    return ErpLine(
        number=number,
        segments=first.segments,
        family=first.family,
        side=first.line.side,
        currency_code=first.line.currency_code,
        amount=found.amount,
        functional=found.functional,
        dimensions=first.dimensions,
        member_count=len(found.members),
        member_hash=canonical_hash(found.members),
    )


def _line_fields(line: ErpLine) -> tuple[str, ...]:
    segments = (text for pair in sorted(line.segments.items()) for text in pair)
    dimensions = (text for pair in sorted(line.dimensions.items()) for text in pair)
    return (
        *(str(line.number), line.side.value, line.currency_code, str(line.amount)),
        *(str(line.functional), line.member_hash, *segments, "", *dimensions),
    )
