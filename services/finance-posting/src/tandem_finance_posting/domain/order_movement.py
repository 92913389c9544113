"""What an event's journals move of its order: receivable, deposit, what was paid and is owed.

A mirror journal moves the opposite of what it takes back, so a reversed refund may be made again.
"""

from __future__ import annotations

from collections.abc import Iterable

from tandem_finance_posting.domain.journal import BOOK, Journal, JournalLine
from tandem_finance_posting.domain.open_items import OrderMovement

RECEIVABLE, DEPOSIT, REFUND = "AR_ORDER", "CUSTOMER_DEPOSIT", "REFUND_PAYABLE"
COUNTER_SALE = "P08"
"""Rule of a sale over the counter: its tenders pay at once, without a deposit."""
TENDERS = ("TILL", "PSP_CLEARING", "GIFT_CARD_LIAB", "STORE_CREDIT")


def order_movement(journals: Iterable[Journal]) -> OrderMovement:
    """The sums over the journals of the main book."""
    mine = [journal for journal in journals if journal.book == BOOK]
    return OrderMovement(
        receivable=sum(journal.balance(RECEIVABLE) for journal in mine),
        deposit=-sum(journal.balance(DEPOSIT) for journal in mine),
        paid=sum(_paid(journal) for journal in mine),
        refunded=sum(_made(journal, (REFUND,), -1) for journal in mine),
    )


def _paid(journal: Journal) -> int:
    tenders = _made(journal, TENDERS, 1) if journal.rule_id.startswith(COUNTER_SALE) else 0
    return _made(journal, (DEPOSIT,), -1) + tenders


def _made(journal: Journal, roles: tuple[str, ...], sign: int) -> int:
    """Amounts on the side where the roles begin (+1 debit, -1 credit); what ends them on the other
    side is not counted, except that a mirror takes back what its journal counted."""
    began = sign if not journal.reverses else -sign
    found = sum(line.amount for line in journal.lines if _counts(line, roles, began))
    return -found if journal.reverses else found


def _counts(line: JournalLine, roles: tuple[str, ...], began: int) -> bool:
    return line.role in roles and line.side.sign == began and not line.currency_code
