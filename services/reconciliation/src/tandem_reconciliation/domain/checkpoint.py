"""Checkpoints: which two sides must agree, how long one may wait, and what a break is called."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from tandem_reconciliation.domain.errors import CheckpointUnknown
from tandem_reconciliation.domain.observation import Group


class Severity(StrEnum):
    """How much a break weighs."""

    LOW = "LOW"
    MEDIUM = "MEDIUM"
    HIGH = "HIGH"
    BLOCKER = "BLOCKER"


@dataclass(frozen=True)
class Checkpoint:
    """A comparison. A side that is alone may wait for its window; then it is a break."""

    id: str
    title: str
    left_only: str
    right_only: str
    amount_differs: str
    left_waits: timedelta
    right_waits: timedelta
    floor: Severity = Severity.LOW


@dataclass(frozen=True)
class Break:
    """Two records that do not agree."""

    type: str
    key: str
    amount: int
    currency_code: str
    left_detail: str
    right_detail: str
    order_id: str
    trace_id: str
    severity: Severity


@dataclass(frozen=True)
class Verdict:
    """What a comparison found among the groups that do not balance."""

    breaks: tuple[Break, ...]
    waiting: int


@dataclass(frozen=True)
class Materiality:
    """Bands of weight in minor units: above ``total`` times 3/4 nobody closes with it."""

    total: int = 1_000_000

    def severity(self, amount: int) -> Severity:
        """The band of an amount: 0.05, 0.25 and 0.75 of the total part them."""
        weight = abs(amount) * 100
        if weight > self.total * 75:
            return Severity.BLOCKER
        if weight > self.total * 25:
            return Severity.HIGH
        return Severity.MEDIUM if weight > self.total * 5 else Severity.LOW


_ORDER = (Severity.LOW, Severity.MEDIUM, Severity.HIGH, Severity.BLOCKER)


def judge(
    checkpoint: Checkpoint, groups: Iterable[Group], materiality: Materiality, now: datetime
) -> Verdict:
    """Parts groups that do not balance into breaks and those whose other side may still come."""
    breaks: list[Break] = []
    waiting = 0
    for group in groups:
        if _may_wait(checkpoint, group, now):
            waiting += 1
        else:
            breaks.append(_break(checkpoint, group, materiality))
    return Verdict(tuple(breaks), waiting)


def _may_wait(checkpoint: Checkpoint, group: Group, now: datetime) -> bool:
    """The side that is alone or smaller waits for the other, from when it was first seen."""
    if group.right is None and group.left is not None:
        return now - group.left.first_at < checkpoint.left_waits
    if group.left is None and group.right is not None:
        return now - group.right.first_at < checkpoint.right_waits
    assert group.left is not None
    assert group.right is not None, "a group has at least one side"
    if group.left.amount > group.right.amount:
        return now - group.left.first_at < checkpoint.left_waits
    return False


def _break(checkpoint: Checkpoint, group: Group, materiality: Materiality) -> Break:
    left = group.left.amount if group.left else 0
    right = group.right.amount if group.right else 0
    difference = right - left
    if group.right is None:
        kind = checkpoint.left_only
    else:
        kind = checkpoint.right_only if group.left is None else checkpoint.amount_differs
    return Break(
        type=kind,
        key=group.key,
        amount=difference,
        currency_code=group.currency_code,
        left_detail=group.left.detail if group.left else "",
        right_detail=group.right.detail if group.right else "",
        order_id=group.order_id,
        trace_id=group.trace_id,
        severity=_severity(checkpoint, materiality, difference if group.currency_code else 0),
    )


def _severity(checkpoint: Checkpoint, materiality: Materiality, amount: int) -> Severity:
    band = materiality.severity(amount)
    return max(band, checkpoint.floor, key=_ORDER.index)


@dataclass(frozen=True)
class Windows:
    """How long sides may wait, by what they wait for."""

    fulfilment: timedelta = timedelta(days=2)
    posting: timedelta = timedelta(minutes=15)
    settlement: timedelta = timedelta(days=5)
    own_records: timedelta = timedelta(seconds=5)
    """For our own events that are still on their way to us."""


def checkpoints(windows: Windows) -> tuple[Checkpoint, ...]:
    """Those of this release: C1 goods, C3 books, C5 payments."""
    return (
        Checkpoint(
            id="C1",
            title="released goods and shipments",
            left_only="UNSHIPPED_AGED",
            right_only="OVERSHIPPED",
            amount_differs="UNSHIPPED_AGED",
            left_waits=windows.fulfilment,
            right_waits=windows.own_records,
        ),
        Checkpoint(
            id="C3",
            title="business events and journals",
            left_only="UNPOSTED",
            right_only="ORPHAN_JOURNAL",
            amount_differs="POSTED_TWICE",
            left_waits=windows.posting,
            right_waits=windows.own_records,
            floor=Severity.MEDIUM,
        ),
        Checkpoint(
            id="C5",
            title="captures and refunds, and the payment provider",
            left_only="MISSING_IN_SETTLEMENT",
            right_only="UNKNOWN_IN_SETTLEMENT",
            amount_differs="AMOUNT_MISMATCH",
            left_waits=windows.settlement,
            right_waits=windows.own_records,
        ),
    )


def checkpoint_of(checkpoint_id: str, known: Iterable[Checkpoint]) -> Checkpoint:
    """The checkpoint of that id. Raises CheckpointUnknown."""
    for checkpoint in known:
        if checkpoint.id == checkpoint_id:
            return checkpoint
    raise CheckpointUnknown(checkpoint_id)
