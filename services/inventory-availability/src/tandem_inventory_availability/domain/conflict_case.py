"""A case of more being promised than there is: found before a promise breaks, at most one open for
each SKU and scope, and closed by a step or because stock came back.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from tandem_inventory_availability.domain.conflict_errors import (
    ConflictStateWrong,
    ResolutionGone,
    SecondPersonNeeded,
)
from tandem_inventory_availability.domain.reservation_line import GroupKey, Place
from tandem_inventory_availability.domain.stock_position import StockKey


class ConflictCause(StrEnum):
    """What went wrong."""

    DEFICIT = "DEFICIT"
    GROUP_SHORT = "GROUP_SHORT"
    QUOTA_UNBACKED = "QUOTA_UNBACKED"
    SUPPLY_LOST = "SUPPLY_LOST"


class ConflictState(StrEnum):
    """Life of a case."""

    OPEN = "OPEN"
    TRIAGED = "TRIAGED"
    PROPOSED = "PROPOSED"
    APPROVED = "APPROVED"
    APPLYING = "APPLYING"
    RESOLVED = "RESOLVED"
    ESCALATED = "ESCALATED"
    AUTO_CLOSED = "AUTO_CLOSED"
    FAILED = "FAILED"


UNSEEN = -1
"""No deficit: what was worked out before counts no more."""
CLOSED = frozenset({ConflictState.RESOLVED, ConflictState.AUTO_CLOSED})


class ResolutionKind(StrEnum):
    """The ladder, mildest first."""

    DROP_HOLD = "DROP_HOLD"
    REPIN = "REPIN"
    BORROW_SAFETY = "BORROW_SAFETY"
    PEG_TO_SUPPLY = "PEG_TO_SUPPLY"
    RECOUNT = "RECOUNT"
    ASK_OPERATIONS = "ASK_OPERATIONS"
    RE_PROMISE = "RE_PROMISE"
    CANCEL = "CANCEL"


@dataclass(frozen=True)
class ConflictPolicy:
    """What may happen by itself, and what takes two people. A case closes once stock has been
    enough for ``grace``; operations need ``ops_lead`` before a promise breaks."""

    ops_lead: timedelta = timedelta(hours=4)
    grace: timedelta = timedelta(seconds=60)
    hold_age_max: timedelta = timedelta(minutes=30)
    automatic: frozenset[ResolutionKind] = frozenset()
    two_people: frozenset[ResolutionKind] = frozenset({ResolutionKind.CANCEL})


@dataclass(frozen=True, order=True)
class ConflictScope:
    """A SKU at a location, or in a group; one of the two is empty."""

    tenant: str
    sku: str
    location: str = ""
    group: str = ""

    @property
    def place(self) -> Place:
        """Where units are missing."""
        if self.group:
            return GroupKey(self.tenant, self.sku, self.group)
        return StockKey(self.tenant, self.sku, self.location)


@dataclass(frozen=True)
class Victim:
    """A claim, or the part of one, that has no unit behind it. ``waits_for`` is the supply line
    that counts no more; empty for units of the shelf."""

    reservation_id: str
    line_id: str
    owner: str
    channel: str
    quantity: int
    soft: bool
    need_by: datetime | None = None
    waits_for: str = ""


@dataclass(frozen=True)
class Resolution:
    """A step that would help. ``deficit_after`` counts all steps before it as done. ``waits_for``
    is the supply line whose waiting units it takes; empty for units of the shelf."""

    number: int
    kind: ResolutionKind
    quantity: int
    deficit_after: int
    target: str = ""
    reservation_id: str = ""
    line_id: str = ""
    automatic: bool = False
    needs_approval: bool = False
    explanation: str = ""
    waits_for: str = ""


@dataclass(frozen=True)
class ConflictCase:
    """A case. ``seen_deficit`` is the one its victims and steps were worked out for; ``agreed``
    says who agreed to which step; ``clear_since`` is set while nothing is missing any more;
    ``count_asked_at`` is when its shelf was first to be counted for it."""

    id: str
    scope: ConflictScope
    cause: ConflictCause
    deficit: int
    opened_at: datetime
    state: ConflictState = ConflictState.OPEN
    deficit_max: int = 0
    victims: tuple[Victim, ...] = ()
    break_at: datetime | None = None
    resolutions: tuple[Resolution, ...] = ()
    assignee: str = ""
    agreed: tuple[tuple[int, str], ...] = ()
    seen_deficit: int = 0
    clear_since: datetime | None = None
    closed_at: datetime | None = None
    count_asked_at: datetime | None = None
    version: int = 1

    @property
    def open(self) -> bool:
        """False once it is closed."""
        return self.state not in CLOSED

    @property
    def channels(self) -> list[str]:
        """Channels of the victims, by name."""
        return sorted({victim.channel for victim in self.victims})

    def with_deficit(self, deficit: int, now: datetime) -> ConflictCase:
        """After stock or claims changed."""
        return self._next(
            deficit=deficit,
            deficit_max=max(self.deficit_max, deficit),
            clear_since=None if deficit else self.clear_since or now,
        )

    def looked_at(
        self,
        victims: tuple[Victim, ...],
        resolutions: tuple[Resolution, ...],
        break_at: datetime | None,
    ) -> ConflictCase:
        """With victims and steps worked out. What was agreed to before counts no more: the steps
        have other numbers and effects. Raises ConflictStateWrong."""
        self.check_open()
        escalated = self.state is ConflictState.ESCALATED
        return self._next(
            state=ConflictState.ESCALATED if escalated else ConflictState.PROPOSED,
            victims=victims,
            resolutions=resolutions,
            break_at=break_at,
            seen_deficit=self.deficit,
            agreed=(),
        )

    def assigned(self, assignee: str) -> ConflictCase:
        """Somebody looks after it. Raises ConflictStateWrong."""
        self.check_open()
        fresh = self.state is ConflictState.OPEN
        state = ConflictState.TRIAGED if fresh else self.state
        return self._next(assignee=assignee, state=state)

    def escalated(self) -> ConflictCase:
        """Handed up. Raises ConflictStateWrong."""
        self.check_open()
        return self._next(state=ConflictState.ESCALATED)

    def resolution(self, number: int) -> Resolution:
        """A step as it is proposed. Raises ConflictStateWrong, ResolutionGone."""
        self.check_open()
        found = next((step for step in self.resolutions if step.number == number), None)
        if found is None:
            raise ResolutionGone(self.id, number)
        return found

    def proposed(self, number: int) -> Resolution:
        """A step by its number, also one that is gone: then it names nothing to work on."""
        gone = Resolution(number, ResolutionKind.ASK_OPERATIONS, 0, 0)
        return next((step for step in self.resolutions if step.number == number), gone)

    def agreed_by(self, step: Resolution, person: str) -> ConflictCase | None:
        """The case waiting for the second person, None when the step may be carried out.

        Raises SecondPersonNeeded when the same person agrees twice.
        """
        if not step.needs_approval:
            return None
        before = [who for number, who in self.agreed if number == step.number]
        if person in before:
            raise SecondPersonNeeded(self.id, person)
        if before:
            return None
        agreed = (*self.agreed, (step.number, person))
        return self._next(agreed=agreed, state=ConflictState.APPROVED)

    def approvers(self, step: Resolution, person: str) -> tuple[str, ...]:
        """Everybody who agreed to a step, in order."""
        return (*(who for number, who in self.agreed if number == step.number), person)

    def applied(self, step: Resolution, deficit: int, now: datetime) -> ConflictCase:
        """After a step: ended when nothing is missing, else open to the other steps."""
        left = tuple(item for item in self.resolutions if item.number != step.number)
        asked = step.kind is ResolutionKind.ASK_OPERATIONS
        state = ConflictState.ESCALATED if asked else ConflictState.PROPOSED
        # Another cause may miss as many units still: the case is looked at anew for that one.
        stays = step.quantity > 0 and deficit == self.seen_deficit
        seen = UNSEEN if stays else self.seen_deficit
        counting = step.kind is ResolutionKind.RECOUNT
        asked_at = now if counting and not self.count_asked_at else self.count_asked_at
        changed = replace(
            self, resolutions=left, state=state, seen_deficit=seen, count_asked_at=asked_at
        )
        moved = changed.with_deficit(deficit, now)
        if deficit:
            return moved
        return replace(moved, state=ConflictState.RESOLVED, closed_at=now)

    def closed(self, state: ConflictState, now: datetime) -> ConflictCase:
        """Ended."""
        return self._next(state=state, closed_at=now)

    def check_open(self) -> None:
        """Raises ConflictStateWrong."""
        if not self.open:
            raise ConflictStateWrong(self.id, self.state.value)

    def _next(self, **changes: object) -> ConflictCase:
        return replace(self, version=self.version + 1, **changes)  # type: ignore[arg-type]  # fields by name
