"""Every kind of move a rule set may declare, by name."""

from __future__ import annotations

from collections.abc import Mapping

from tandem_finance_posting.domain.cost_move import Move
from tandem_finance_posting.domain.onward_moves import ONWARD_MOVES
from tandem_finance_posting.domain.purchase_moves import PURCHASE_MOVES
from tandem_finance_posting.domain.return_moves import RETURN_MOVES
from tandem_finance_posting.domain.stock_moves import STOCK_MOVES
from tandem_finance_posting.domain.transfer_moves import TRANSFER_MOVES
from tandem_finance_posting.domain.value_moves import VALUE_MOVES

COST_MOVES: Mapping[str, Move] = {
    **STOCK_MOVES,
    **TRANSFER_MOVES,
    **RETURN_MOVES,
    **ONWARD_MOVES,
    **PURCHASE_MOVES,
    **VALUE_MOVES,
}
