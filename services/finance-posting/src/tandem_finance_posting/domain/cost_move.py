"""The form of a move of the cost sub-ledger: what it reads, touches, does and undoes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from tandem_finance_posting.domain.cost_state import (
    AsideKey,
    CostState,
    LineKey,
    PoolKey,
    ReceiptKey,
)
from tandem_finance_posting.domain.errors import FinanceFactInvalid, PostingRuleInvalid
from tandem_finance_posting.domain.finance_event import (
    COST_MISSING,
    PREDECESSOR_MISSING,
    FinanceEvent,
    Hold,
)
from tandem_finance_posting.domain.goods_aside import Stage

QUANTITY_MAX = 10**12
"""Units of one movement; sums of very many still fit into 64 bits."""
AMOUNT_MINOR_MAX = 10**15
"""Cost of one movement, for the same reason."""


KINDS = (
    "receive", "issue", "interco", "ship", "deliver", "adjust",
    "transfer_out", "transfer_in", "transfer_lost",
    "return_in", "dispose", "return_in_and_dispose", "keep",
    "refurb_work", "refurb_done", "vendor_pick", "vendor_ship",
    "invoice", "credit_note", "landed_estimate", "landed_invoice",
    "revalue", "write_down",
)  # fmt: skip
"""What a rule set may declare; what each does is in `cost_moves`."""
FROM_FACTS = ("receive",)
"""Kinds that can be taken back from the facts of the event alone."""


@dataclass(frozen=True)
class CostMove:
    """A move as the rule set declares it: its kind, the list of facts it runs over, and the list
    it stamps. Raises PostingRuleInvalid for an unknown kind, and for one without a list to stamp
    that could not be taken back without it."""

    kind: str
    each: str
    stamped_as: str = ""

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise PostingRuleInvalid(f"cost move {self.kind}", f"is none of {', '.join(KINDS)}")
        if not self.stamped_as and self.kind not in FROM_FACTS:
            raise PostingRuleInvalid(f"cost move {self.kind}", f"over {self.each} stamps no list")


class MoveWaits(Exception):
    """What the move needs has not arrived yet: no error, the event is held."""

    def __init__(self, hold: Hold) -> None:
        super().__init__(hold.detail)
        self.hold = hold


def cost_missing(detail: str) -> MoveWaits:
    """The cost is not known yet (gate G4)."""
    return MoveWaits(Hold(COST_MISSING, detail))


def predecessor_missing(detail: str) -> MoveWaits:
    """An event this one builds on is not posted yet (gate G7)."""
    return MoveWaits(Hold(PREDECESSOR_MISSING, detail))


@dataclass(frozen=True)
class MoveRecord:
    """One record a move runs over; what it does not say, the event's facts say for all."""

    event: FinanceEvent
    values: Mapping[str, Any]
    path: str

    def given(self, name: str, default: Any = None) -> Any:
        """The value of the record or of the event's facts."""
        if name in self.values:
            return self.values[name]
        return self.event.facts.get(name, default)

    def text(self, name: str, default: str = "") -> str:
        """A text; "" when not given. Raises FinanceFactInvalid for another type."""
        value = self.given(name, default)
        if not isinstance(value, str):
            raise self.invalid(name)
        return value

    def name(self, name: str) -> str:
        """A text that must be there. Raises FinanceFactInvalid."""
        value = self.text(name)
        if not value:
            raise self.invalid(name)
        return value

    def units(self, name: str = "quantity") -> int:
        """A whole number of units above 0. Raises FinanceFactInvalid."""
        value = self.number(name)
        if not 0 < value <= QUANTITY_MAX:
            raise self.invalid(name)
        return value

    def money(self, name: str) -> int:
        """An amount in minor units, 0 when not given. Raises FinanceFactInvalid below 0."""
        value = self.number(name)
        if not 0 <= value <= AMOUNT_MINOR_MAX:
            raise self.invalid(name)
        return value

    def number(self, name: str) -> int:
        """A whole number of either sign, 0 when not given. Raises FinanceFactInvalid."""
        value = self.given(name, 0)
        if type(value) is not int or abs(value) > AMOUNT_MINOR_MAX:
            raise self.invalid(name)
        return value

    def invalid(self, name: str) -> FinanceFactInvalid:
        """The error that names this field of this record."""
        return FinanceFactInvalid(f"{self.path}.{name}", self.event.type)

    @property
    def sku(self) -> str:
        """The SKU. Raises FinanceFactInvalid without one."""
        return self.name("sku")

    def pool_key(self, sku: str = "", area: str = "area") -> PoolKey:
        """The pool of the record's SKU, or another, in the area it names."""
        event = self.event
        return PoolKey(event.tenant, event.legal_entity, self.text(area), sku or self.sku)

    def aside_key(self, stage: Stage, ref: str = "", line_ref: str = "") -> AsideKey:
        """Goods of the record's order line in a stage, or of another document's line."""
        ref, line_ref = ref or self.order_id, line_ref or self.name("line_ref")
        return AsideKey(self.event.tenant, self.event.legal_entity, stage, ref, line_ref)

    def receipt_key(self) -> ReceiptKey:
        """The receipt the record names. Raises FinanceFactInvalid without one."""
        return ReceiptKey(self.event.tenant, self.event.legal_entity, self.name("receipt_ref"))

    def line_key(self) -> LineKey:
        """The order line the record names."""
        return LineKey(self.event.tenant, self.order_id, self.name("line_ref"))

    @property
    def order_id(self) -> str:
        """The order whose goods they are: the event's, or in an exchange the one they were bought
        with (fact ``of_order``). Raises FinanceFactInvalid without one."""
        found = self.text("of_order") or self.event.order_id
        if not found:
            raise FinanceFactInvalid("order_id", self.event.type)
        return found


@dataclass(frozen=True)
class Touched:
    """Keys a record touches. ``taken_from`` are goods aside whose share depends on what was taken
    before; of a receipt also the pools of its lines are touched."""

    pools: tuple[PoolKey, ...] = ()
    asides: tuple[AsideKey, ...] = ()
    taken_from: tuple[AsideKey, ...] = ()
    receipts: tuple[ReceiptKey, ...] = ()
    lines: tuple[LineKey, ...] = ()


Stamp = dict[str, Any]


@dataclass(frozen=True)
class Move:
    """A kind of move.

    ``apply`` changes the state and gives the records to stamp; it raises MoveWaits. ``undo`` takes
    one stamped record back and raises ValueError when the goods have moved on.
    ``waits``: the value depends on what happened to the SKU before, so it waits behind earlier
    held events; ``blocks``: later ones wait for it when it is held.
    """

    touches: Callable[[MoveRecord], Touched]
    apply: Callable[[CostState, MoveRecord], Iterable[Stamp]]
    undo: Callable[[CostState, MoveRecord], None]
    waits: bool = False
    blocks: bool = False
    returns: bool = False
    """Goods come back: at the cost of all that left before, so not before a held shipment of the
    line. What holds up returns is never a return, or the two steps of one would wait for each
    other."""
