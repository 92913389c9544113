"""What each channel may promise of a pool, worked out with fractions. See `stock_model`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction

SHARED = "SHARED"
Draws = list[tuple[str, int]]
"""Units by pot, in the order they were drawn."""


class Refused(Exception):
    """The model says no; ``reason`` is the one of the contract."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True)
class Part:
    """A channel's part of a pool: FIXED units, PERCENT (in hundredths of a percent) or the REST."""

    id: str
    channel: str
    mode: str
    want: int = 0
    floor: int = 0
    cap: int | None = None
    priority: int = 0
    lend: str = "NONE"
    may_borrow: bool = True


@dataclass
class Sharing:
    """The parts of a SKU's pool, and who drew what from which part."""

    parts: Sequence[Part]
    drawn: dict[tuple[str, str], int] = field(default_factory=dict)

    def out_of(self, part: str) -> int:
        """Units drawn from a part and not given back."""
        return sum(units for (_, pot), units in self.drawn.items() if pot == part)

    def own(self, pool: int) -> dict[str, int]:
        """What backs the undrawn rest of each part."""
        drawn = {part.id: self.out_of(part.id) for part in self.parts}
        everything = max(0, pool) + sum(self.drawn.values())
        parts, left = list(self.parts), max(0, pool) + sum(drawn.values())
        while True:
            given = _hand_out(parts, left, everything)
            over = [part for part in parts if given[part.id] < drawn[part.id]]
            if not over:
                return {p.id: given[p.id] - drawn[p.id] if p in parts else 0 for p in self.parts}
            # What is drawn stays drawn; only the others share what that leaves.
            parts = [part for part in parts if part not in over]
            left -= sum(drawn[part.id] for part in over)

    def shared(self, pool: int) -> int:
        """What belongs to nobody."""
        return max(0, pool) - sum(self.own(pool).values())

    def promised(self, pool: int, channel: str) -> int:
        """Units a channel may draw now."""
        own, mine = self.own(pool), [p for p in self.parts if p.channel == channel]
        if not mine:
            return self.shared(pool)
        total = sum(own[p.id] for p in mine)
        if all(p.may_borrow for p in mine):
            total += self.shared(pool) + sum(
                self.lent(pool).get(p.id, 0) for p in self.others(channel)
            )
        caps = [p.cap for p in mine if p.cap is not None]
        taken = sum(units for (who, _), units in self.drawn.items() if who == channel)
        return max(0, min([total, *(cap - taken for cap in caps)]))

    def take(self, pool: int, channel: str, units: int) -> Draws:
        """Pots for a claim: own parts, then what is shared, then what others lend. Raises
        Refused."""
        if units > self.promised(pool, channel):
            raise Refused("QUOTA_EXHAUSTED")
        own, lent = self.own(pool), self.lent(pool)
        order = sorted(self.parts, key=lambda part: (part.priority, part.id))
        pots = [(p.id, own[p.id]) for p in order if p.channel == channel]
        pots.append((SHARED, self.shared(pool)))
        pots += [(p.id, lent.get(p.id, 0)) for p in reversed(order) if p.channel != channel]
        draws: Draws = []
        for pot, there in pots:
            if taken := min(units, there):
                draws.append((pot, taken))
                units -= taken
        return draws

    def others(self, channel: str) -> list[Part]:
        """Parts of the other channels."""
        return [p for p in self.parts if p.channel != channel]

    def lent(self, pool: int) -> Mapping[str, int]:
        """What each part lends: above its floor."""
        own = self.own(pool)
        return {
            p.id: max(0, own[p.id] - max(0, p.floor - self.out_of(p.id)))
            for p in self.parts
            if p.lend == "ABOVE_FLOOR"
        }


def _hand_out(parts: Sequence[Part], left: int, everything: int) -> dict[str, int]:
    """Floors by priority, then what each wants by priority; the last tier that cannot be served
    in full shares by what it wants, the greatest remainder first."""
    wanted = {part.id: _wanted(part, everything) for part in parts}
    given = {part.id: 0 for part in parts}
    left = max(0, left)
    for goal in ("floor", "want"):
        for tier in sorted(
            {(part.mode == "REST" and goal == "want", part.priority) for part in parts}
        ):
            here = [p for p in parts if (p.mode == "REST" and goal == "want", p.priority) == tier]
            need = {
                p.id: (min(p.floor, wanted[p.id]) if goal == "floor" else wanted[p.id])
                - given[p.id]
                for p in here
            }
            for name, units in _share({k: max(0, v) for k, v in need.items()}, left).items():
                given[name] += units
                left -= units
    return given


def _wanted(part: Part, everything: int) -> int:
    wants = {"FIXED": part.want, "PERCENT": everything * part.want // 10_000, "REST": everything}
    wanted = max(part.floor, wants[part.mode])
    return wanted if part.cap is None else min(wanted, part.cap)


def _share(need: Mapping[str, int], left: int) -> dict[str, int]:
    total = sum(need.values())
    if total <= left:
        return dict(need)
    exact = {name: Fraction(left * units, total) for name, units in need.items()}
    given = {name: int(share) for name, share in exact.items()}
    rest = left - sum(given.values())
    for name in sorted(need, key=lambda name: (given[name] - exact[name], name))[:rest]:
        given[name] += 1
    return given


def give_back(draws: Draws, units: int) -> Draws:
    """What stays when that many units go back, the last drawn first."""
    kept: Draws = []
    for pot, taken in reversed(draws):
        off = min(units, taken)
        units -= off
        if taken > off:
            kept.append((pot, taken - off))
    return kept[::-1]
