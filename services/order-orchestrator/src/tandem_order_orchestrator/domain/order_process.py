"""The process of an order over service borders: which command follows from what happened.

Pure: ``decide(state, data, event)`` gives the next state, the commands for other services and the
next instant to be woken at. The order's own rules are in the aggregate; here is only what must be
done elsewhere, and its answers.

    RESERVING -> PAYING -> FULFILLING -> CLOSED
        |          |           |
        +-> CLOSED +-----------+-> CANCELLING -> CLOSED

``data`` holds ``open_commands`` (asked of services, not answered) and ``payments`` (asked of the
provider, by command id). A payment not answered in time becomes overdue on the order; it is still
waited for.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

RESERVE_STOCK = "reserve_stock"
RELEASE_STOCK = "release_stock"
SETTLE_SHIPMENT = "settle_shipment"
RECORD_SALE = "record_sale"
BOOK_DISPOSITION = "book_disposition"
MARK_PAYMENT_OVERDUE = "mark_payment_overdue"

KIND = "order"
DEFINITION_VERSION = 1

PAYMENT_TIMER = "payment"
PAYMENT_ANSWER_MINUTES_MAX = 15
"""How long the provider may take before people see the payment as overdue."""

CLOSED = "CLOSED"
CANCELLING = "CANCELLING"

Data = Mapping[str, Any]


@dataclass(frozen=True)
class ProcessEvent:
    """Something the process hears of, with the values its commands need."""

    name: str
    values: Data = field(default_factory=dict)


@dataclass(frozen=True)
class ProcessCommand:
    """Something another service is to do."""

    kind: str
    values: Data


@dataclass(frozen=True)
class ProcessTimer:
    """When the process is to hear ``timer:<name>``."""

    name: str
    at: datetime


@dataclass(frozen=True)
class ProcessStep:
    """The process after an event."""

    state: str
    data: Data
    commands: tuple[ProcessCommand, ...] = ()
    timer: ProcessTimer | None = None


def decide(state: str, data: Data, event: ProcessEvent, at: datetime) -> ProcessStep:
    """The next step after an event of the instant ``at``.

    An event without consequence leaves the state as it is.
    """
    step = _decided(state, data, event, at)
    opened = int(data.get("open_commands", 0)) + len(step.commands)
    opened -= 1 if event.name == "command_done" else 0
    after = {**step.data, "open_commands": opened}
    ended = step.state == CANCELLING and nothing_pending(after)
    return replace(step, state=CLOSED if ended else step.state, data=after, timer=_timer(after))


def _decided(state: str, data: Data, event: ProcessEvent, at: datetime) -> ProcessStep:
    if event.name == f"timer:{PAYMENT_TIMER}":
        return _overdue(state, data, at)
    if event.name == "PaymentDue":
        return ProcessStep(state, _payment_asked(data, event.values, at))
    if event.name in PAYMENT_ANSWERS:
        return ProcessStep(state, _payment_answered(data, event.values))
    next_state, command = _RULES.get(event.name, ("", None))
    commands = command(event.values) if command else ()
    return ProcessStep(next_state or state, data, commands)


def nothing_pending(data: Data) -> bool:
    """True when no command of the process and no payment is unanswered."""
    return int(data.get("open_commands", 0)) <= 0 and not data.get("payments")


PAYMENT_ANSWERS = frozenset(
    {"PaymentAuthorised", "PaymentCaptured", "PaymentFailed", "PaymentVoided", "RefundSettled"}
)


def _payment_asked(data: Data, values: Data, at: datetime) -> Data:
    due_at = at + timedelta(minutes=PAYMENT_ANSWER_MINUTES_MAX)
    asked = {**values, "due_at": due_at.isoformat(), "overdue": False}
    return {**data, "payments": {**data.get("payments", {}), values["command_id"]: asked}}


def _payment_answered(data: Data, values: Data) -> Data:
    payments = dict(data.get("payments", {}))
    payments.pop(values["command_id"], None)
    return {**data, "payments": payments}


def _overdue(state: str, data: Data, at: datetime) -> ProcessStep:
    payments: dict[str, Data] = dict(data.get("payments", {}))
    commands = []
    for command_id, asked in sorted(payments.items()):
        if not asked["overdue"] and _due_at(asked) <= at:
            payments[command_id] = {**asked, "overdue": True}
            commands.append(ProcessCommand(MARK_PAYMENT_OVERDUE, {**asked}))
    return ProcessStep(state, {**data, "payments": payments}, tuple(commands))


def _timer(data: Data) -> ProcessTimer | None:
    waiting = [_due_at(p) for p in data.get("payments", {}).values() if not p["overdue"]]
    return ProcessTimer(PAYMENT_TIMER, min(waiting)) if waiting else None


def _due_at(asked: Data) -> datetime:
    return datetime.fromisoformat(asked["due_at"])


def _one(kind: str) -> Callable[[Data], tuple[ProcessCommand, ...]]:
    return lambda values: (ProcessCommand(kind, values),)


def _release(values: Data) -> tuple[ProcessCommand, ...]:
    """Nothing to release before anything was reserved."""
    return (ProcessCommand(RELEASE_STOCK, values),) if values.get("reservation_id") else ()


def _dispose(values: Data) -> tuple[ProcessCommand, ...]:
    """A refund without goods moves no stock."""
    return (ProcessCommand(BOOK_DISPOSITION, values),) if values.get("lines") else ()


_Rule = tuple[str, Callable[[Data], tuple[ProcessCommand, ...]] | None]
_RULES: Mapping[str, _Rule] = {
    "OrderAccepted": ("RESERVING", _one(RESERVE_STOCK)),
    "OrderReserved": ("PAYING", None),
    "OrderRejected": (CLOSED, None),
    "OrderCancelled": (CANCELLING, _release),
    "ReservedAfterCancel": (CANCELLING, _release),
    "FulfilmentReleased": ("FULFILLING", None),
    "FulfilmentShipped": ("FULFILLING", _one(SETTLE_SHIPMENT)),
    "SaleCompleted": ("FULFILLING", _one(RECORD_SALE)),
    "ReturnApproved": ("", _dispose),
    "OrderCompleted": (CLOSED, None),
}
