"""What a line of the ERP is made of: its document is made anew from the books."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tandem_finance_posting.domain.export_batch_lines import (
    BookJournal,
    BookLine,
    ErpLine,
    MappedJournal,
    canonical_hash,
    member_fields,
    members_of_line,
)


@dataclass(frozen=True)
class LineMembers:
    """Lines of journals in the order of the books; ``agrees`` when they still make the line."""

    members: tuple[tuple[BookJournal, BookLine], ...]
    agrees: bool


def explained(sealed: ErpLine, journals: Sequence[MappedJournal]) -> LineMembers:
    """The members of a sealed line. A line the books no longer make has none and disagrees."""
    members = members_of_line(journals, sealed.number)
    found = canonical_hash([member_fields(journal, line) for journal, line in members])
    amount = sum(line.amount for _, line in members)
    return LineMembers(
        tuple(members), agrees=found == sealed.member_hash and amount == sealed.amount
    )
