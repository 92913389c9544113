"""What an ERP can answer, also when it does not."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Posted:
    """It holds the document, equal to ours; ``ref`` is its own name for it."""

    ref: str


@dataclass(frozen=True)
class Delivered:
    """It was handed over; the ERP will answer later."""

    ref: str


@dataclass(frozen=True)
class Refused:
    """It will not take the document as it is. ``lines`` are the numbers it objects to; empty when
    it does not say."""

    code: str
    detail: str
    lines: tuple[int, ...] = ()


@dataclass(frozen=True)
class NotDone:
    """Surely not taken; may be sent again after ``wait_ms``."""

    code: str
    detail: str
    wait_ms: int = 0


@dataclass(frozen=True)
class Unclear:
    """Perhaps taken: no answer came."""

    detail: str


@dataclass(frozen=True)
class Absent:
    """Asked, it does not hold the document: sending makes no second one."""


@dataclass(frozen=True)
class Differs:
    """It holds something else under the document's name."""

    ref: str
    detail: str


ErpAnswer = Posted | Delivered | Refused | NotDone | Unclear | Absent | Differs
