"""The process of an order over service borders: which command follows from what happened.

Pure: ``decide(state, data, event)`` gives the next state and the commands for other services. The
order's own rules are in the aggregate; here is only what must be done elsewhere, and its answers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

RESERVE_STOCK = "reserve_stock"
RELEASE_STOCK = "release_stock"
SETTLE_SHIPMENT = "settle_shipment"
RECORD_SALE = "record_sale"
BOOK_DISPOSITION = "book_disposition"

KIND = "order"
DEFINITION_VERSION = 1

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
class ProcessStep:
    """The process after an event."""

    state: str
    data: Data
    commands: tuple[ProcessCommand, ...] = ()


def decide(state: str, data: Data, event: ProcessEvent) -> ProcessStep:
    """The next step. An event without consequence leaves the state as it is."""
    if event.name == "command_done":
        return _command_done(state, data)
    rule = _RULES.get(event.name)
    if rule is None:
        return ProcessStep(state, data)
    next_state, command = rule
    if command is None:
        return ProcessStep(next_state or state, data)
    commands = command(event.values)
    opened = int(data.get("open_commands", 0)) + len(commands)
    return ProcessStep(next_state or state, {**data, "open_commands": opened}, commands)


def _command_done(state: str, data: Data) -> ProcessStep:
    return ProcessStep(state, {**data, "open_commands": int(data.get("open_commands", 0)) - 1})


def nothing_pending(data: Data) -> bool:
    """True when no command of the process is unanswered."""
    return int(data.get("open_commands", 0)) <= 0


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
    "OrderRejected": ("CLOSED", None),
    "OrderCancelled": ("CANCELLING", _release),
    "ReservedAfterCancel": ("CANCELLING", _release),
    "FulfilmentReleased": ("FULFILLING", None),
    "FulfilmentShipped": ("FULFILLING", _one(SETTLE_SHIPMENT)),
    "SaleCompleted": ("FULFILLING", _one(RECORD_SALE)),
    "ReturnApproved": ("", _dispose),
    "OrderCompleted": ("CLOSED", None),
}
