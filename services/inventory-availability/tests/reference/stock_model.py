"""The stock a retailer would work out with paper and patience: the oracle of the property tests.

Written from the design alone and sharing no code with the product. It keeps what was said (signals,
sales, claims, shipments) as lists and works every figure out from them anew at each question: no
counters, no sweeper, no watermark that could drift. Times are whole seconds.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from copy import deepcopy

from .channel_model import Draws, Part, Refused, Sharing, give_back
from .claim_model import Claim, Lease, Line
from .signal_model import Shelf, SignalModel


class StockModel(SignalModel):
    """Says what is where and what of it can be promised."""

    def __init__(self, groups: Mapping[str, Iterable[str]] | None = None) -> None:
        super().__init__()
        self.now = 0
        self.claims: dict[str, Claim] = {}
        self.leases: dict[str, Lease] = {}
        self.groups = {name: set(places) for name, places in (groups or {}).items()}
        self.safety: dict[Shelf, int] = {}
        self.network_safety: dict[tuple[str, str], int] = {}
        self.backorder_limit: dict[Shelf, int] = {}
        self.closed: set[str] = set()
        self.parts: dict[Shelf, list[Part]] = {}
        self.shipments: list[tuple[str, Shelf, str, str, int]] = []
        """Reference, shelf, claim, line and units, in the order they were told; negative when a
        shipment was taken back."""

    # What is claimed.
    def live(self, claim: Claim) -> bool:
        """False once its time is over, or when nothing of it is open."""
        over = claim.lapsed or (claim.ends is not None and claim.ends <= self.now)
        return not over and any(line.open for line in claim.lines)

    def state(self, claim_id: str) -> str:
        """As the life-cycle names it."""
        claim = self.claims[claim_id]
        if any(line.open for line in claim.lines):
            if claim.lapsed or (claim.ends is not None and claim.ends <= self.now):
                return "EXPIRED"
            return "CONFIRMED" if claim.ends is None else "HELD"
        shipped = sum(units for line in claim.lines for _, units in line.shipped)
        if not shipped:
            return "RELEASED"
        return "CONSUMED" if self._settled(claim_id) == shipped else "CONFIRMED"

    def hard(self, shelf: Shelf) -> int:
        """Units of claims without an end."""
        return sum(x.on_hand for c, x in self._at(shelf) if c.ends is None)

    def soft(self, shelf: Shelf) -> int:
        """Units of holds whose time is not over."""
        return sum(x.on_hand for c, x in self._at(shelf) if c.ends is not None and self.live(c))

    def _at(self, scope: tuple[str, str]) -> list[tuple[Claim, Line]]:
        return [(c, x) for c in self.claims.values() for x in c.lines if x.scope == scope]

    def unsettled(self, shelf: Shelf) -> int:
        """Units shipped whose source did not say that they left."""
        references = {s[0] for s in self.shipments if s[1] == shelf}
        return sum(
            max(0, self._shipped(name, shelf) - self.departed(name, shelf)) for name in references
        )

    def early(self, shelf: Shelf) -> int:
        """Units that left before their shipment was told: missing twice until it is."""
        references = {s.reference for s in self.said if s.reference}
        return sum(
            max(0, self.departed(name, shelf) - self._shipped(name, shelf)) for name in references
        )

    def _shipped(self, reference: str, shelf: Shelf) -> int:
        return sum(s[4] for s in self.shipments if s[:2] == (reference, shelf))

    def _settled(self, claim_id: str) -> int:
        """Shipped units of a claim that left: the first told are the first matched."""
        settled = 0
        for reference, shelf in {s[:2] for s in self.shipments}:
            rest = self.departed(reference, shelf)
            for _, _, claim, _, units in (s for s in self.shipments if s[:2] == (reference, shelf)):
                settled += min(units, rest) if claim == claim_id else 0
                rest -= min(units, rest)
        return settled

    def leased(self, shelf: Shelf) -> int:
        """Units devices may still sell."""
        return sum(self.held(x) for x in self.leases.values() if x.shelf == shelf)

    # What can be promised.
    def free(self, shelf: Shelf) -> int:
        """On hand less all claims; may be negative."""
        claimed = self.hard(shelf) + self.soft(shelf) + self.unsettled(shelf)
        return self.on_hand(shelf) - claimed - self.leased(shelf)

    def backordered(self, shelf: Shelf) -> int:
        """Units promised below zero with permission."""
        return sum(x.backordered for c, x in self._at(shelf) if self.live(c))

    def deficit(self, shelf: Shelf) -> int:
        """Units promised that are not there and were not meant to be missing."""
        return max(0, -(self.free(shelf) + self.backordered(shelf)))

    def node(self, shelf: Shelf, *, keep_off: bool = True) -> int:
        """What can be promised at a location, unclamped; a given promise may use safety stock."""
        if not keep_off:
            return self.free(shelf)
        if shelf[1] in self.closed:
            return 0
        return self.free(shelf) - self.safety.get(shelf, 0)

    def net(self, sku: str, group: str, *, keep_off: bool = True) -> int:
        """What a group can promise, before it is clamped: less the claims of every group that
        shares a location with it."""
        places = self.groups[group]
        unpinned = sum(
            x.on_hand
            for name in self.near(group)
            for c, x in self._at((sku, name))
            if x.group and self.live(c)
        )
        nodes = sum(
            max(0, self.node((sku, place), keep_off=keep_off)) - self.deficit((sku, place))
            for place in places
        )
        safety = self.network_safety.get((sku, group), 0) if keep_off else 0
        return nodes - unpinned - safety

    def near(self, group: str) -> list[str]:
        """Groups that share a location with one, itself included."""
        return [name for name, others in self.groups.items() if self.groups[group] & others]

    # What an owner may do. Everything is tried on a copy: a refused command leaves no trace.
    def reserve(self, claim: Claim) -> None:
        """All lines or none; the owner's older claim makes room. Raises Refused."""
        ids = [line.line_id for line in claim.lines]
        if len(ids) != len(set(ids)):
            raise Refused("VALIDATION_FAILED")
        tried = deepcopy(self)
        tried.lapse()
        for old in tried.claims.values():
            if old.owner == claim.owner and tried.live(old):
                tried._let_go(old)
        tried.claims[claim.id] = deepcopy(claim)
        tried._check(tried.claims[claim.id].lines)
        tried._draw_all(tried.claims[claim.id])
        self._become(tried)

    def confirm(self, claim_id: str) -> None:
        """Takes the end off; an expired one is acquired again. Raises Refused."""
        tried = deepcopy(self)
        claim = tried.claims[claim_id]
        state = tried.state(claim_id)
        if state == "CONFIRMED":
            return
        if state not in ("HELD", "EXPIRED"):
            raise Refused("RESERVATION_STATE")
        claim.ends, claim.lapsed = None, False
        if state == "EXPIRED":
            tried._check(claim.lines, keep_off=False)
            tried._draw_all(claim)
        self._become(tried)

    def release(self, claim_id: str, units: Mapping[str, int]) -> None:
        """Gives back units by line, all for none named. Raises Refused."""
        claim = self.claims[claim_id]
        if self.state(claim_id) == "EXPIRED":
            return
        wanted = dict(units) or {x.line_id: x.open for x in claim.lines if x.open}
        self._check_open(claim, wanted)
        for line in claim.lines:
            line.let_go(wanted.get(line.line_id, 0))

    def amend(self, claim_id: str, changes: Mapping[str, int]) -> None:
        """Claims the increases and gives back the decreases in one step. Raises Refused."""
        tried = deepcopy(self)
        if tried.state(claim_id) not in ("HELD", "CONFIRMED"):
            raise Refused("RESERVATION_STATE")
        claim = tried.claims[claim_id]
        tried._check_open(claim, {name: -n for name, n in changes.items() if n < 0})
        for line in claim.lines:
            line.let_go(max(0, -changes.get(line.line_id, 0)))
        grown = [x for x in claim.lines if changes.get(x.line_id, 0) > 0]
        enough = deepcopy(tried)
        for line in enough.claims[claim_id].lines:
            line.quantity += max(0, changes.get(line.line_id, 0))
        enough._check([x for x in enough.claims[claim_id].lines if changes.get(x.line_id, 0) > 0])
        for line in grown:
            more = changes[line.line_id]
            line.draws += tried._pots(line.scope, claim.channel, more)
            line.quantity += more
        self._become(tried)

    def extend(self, claim_id: str, seconds: int) -> None:
        """Moves the end of a hold to a later moment, never its quantity. Raises Refused."""
        claim = self.claims[claim_id]
        if self.state(claim_id) != "HELD" or claim.ends is None:
            raise Refused("RESERVATION_STATE")
        claim.ends = max(claim.ends, self.now + seconds)

    def pin(self, claim_id: str, line_id: str, places: Mapping[str, int]) -> None:
        """Group units become units of locations; the total stays. Raises Refused."""
        tried = deepcopy(self)
        if tried.state(claim_id) not in ("HELD", "CONFIRMED"):
            raise Refused("RESERVATION_STATE")
        claim = tried.claims[claim_id]
        line = next((x for x in claim.lines if x.line_id == line_id and x.group), None)
        for place, count in places.items():
            if line is None or count > line.open:
                raise Refused("RESERVATION_LINE")
            if place not in tried.groups[line.group]:
                raise Refused("GROUP_NOT_ELIGIBLE")
            line.quantity -= count
        assert line is not None
        pinned = [Line(line_id, line.sku, place, count) for place, count in places.items()]
        known = {x.location: x for x in claim.lines if x.line_id == line_id and not x.group}
        for item in pinned:
            if item.location in known:
                known[item.location].quantity += item.quantity
            else:
                claim.lines.append(item)
        claim.lines = [x for x in claim.lines if x.quantity]
        tried._check(pinned)
        self._become(tried)

    def ship(self, claim_id: str, reference: str, units: Mapping[str, int]) -> None:
        """Units left, says the order side; they stay claimed. Raises Refused."""
        claim = self.claims[claim_id]
        self._check_open(claim, units)
        if self.state(claim_id) in ("HELD", "EXPIRED"):
            raise Refused("RESERVATION_STATE")
        for line in claim.lines:
            if count := units.get(line.line_id, 0):
                line.shipped.append((reference, count))
                shelf = (line.sku, line.location)
                self.shipments.append((reference, shelf, claim_id, line.line_id, count))

    def lapse(self) -> None:
        """What any look at a hold does: one that is over stays over."""
        for claim in self.claims.values():
            claim.lapsed |= claim.ends is not None and claim.ends <= self.now

    # Inside.
    def _become(self, other: StockModel) -> None:
        self.__dict__.update(other.__dict__)

    def _let_go(self, claim: Claim) -> None:
        for line in claim.lines:
            line.let_go(line.open)

    def _draw_all(self, claim: Claim) -> None:
        """Lines draw one after the other, each with those before it claimed."""
        lines, claim.lines = claim.lines, []
        for line in lines:
            line.draws = self._pots(line.scope, claim.channel, line.on_hand)
            claim.lines.append(line)

    def _pots(self, scope: tuple[str, str], channel: str, units: int) -> Draws:
        if scope not in self.parts:
            return []
        return self.sharing(scope).take(self.node(scope), channel, units)

    def sharing(self, shelf: Shelf) -> Sharing:
        """The parts of a shelf with all that is drawn of them now. What left stays drawn."""
        drawn: dict[tuple[str, str], int] = {}
        claims = [(c.channel, x.draws) for c, x in self._at(shelf) if not self._over(c)]
        tills = [
            ("store", x.draws) for x in self.leases.values() if x.shelf == shelf and self._kept(x)
        ]
        for channel, draws in claims + tills:
            for pot, units in draws:
                drawn[channel, pot] = drawn.get((channel, pot), 0) + units
        return Sharing(self.parts[shelf], drawn)

    def _over(self, claim: Claim) -> bool:
        return claim.lapsed or (claim.ends is not None and claim.ends <= self.now)

    def _kept(self, lease: Lease) -> bool:
        return not lease.returned and lease.ends > self.now

    @staticmethod
    def _check_open(claim: Claim, units: Mapping[str, int]) -> None:
        for line_id, count in units.items():
            if count > sum(x.open for x in claim.lines if x.line_id == line_id):
                raise Refused("RESERVATION_LINE")

    def _check(self, lines: Iterable[Line], *, keep_off: bool = True) -> None:
        """Every touched shelf and every claimed group near it is at its floor or above."""
        for line in lines:
            if not line.on_hand:
                continue
            shelf = (line.sku, line.location)
            if line.group:
                near = self.near(line.group)
            else:
                near = [g for g, places in self.groups.items() if line.location in places]
                closed = keep_off and line.location in self.closed
                if closed or self.node(shelf, keep_off=keep_off) < 0:
                    raise Refused("INSUFFICIENT_STOCK")
            for group in near:
                asked = group == line.group or self._claimed(line.sku, group)
                if asked and self.net(line.sku, group, keep_off=keep_off) < 0:
                    raise Refused("INSUFFICIENT_STOCK")

    def _claimed(self, sku: str, group: str) -> bool:
        return any(self.live(c) and x.open for c, x in self._at((sku, group)) if x.group)

    # Leases: claims of devices that cannot ask.
    def held(self, lease: Lease) -> int:
        """Units kept back for a till."""
        over = lease.returned or lease.ends <= self.now
        return 0 if over else max(0, lease.quantity - lease.used)

    def grant(self, wanted: Lease) -> None:
        """Keeps units back for a till, or tops up what it has. Raises Refused."""
        tried = deepcopy(self)
        for old in tried.leases.values():
            mine = (old.shelf, old.till) == (wanted.shelf, wanted.till)
            if mine and not old.returned and old.ends > tried.now:
                more = max(0, wanted.quantity - tried.held(old))
                old.draws += tried._pots(old.shelf, "store", more)
                old.quantity = tried.held(old) + old.used + more
                old.expires = max(old.expires, wanted.expires)
                old.ends = max(old.ends, wanted.ends)
                break
        else:
            more = wanted.quantity
            draws = tried._pots(wanted.shelf, "store", more)
            tried.leases[wanted.id] = deepcopy(wanted)
            tried.leases[wanted.id].draws = draws
        if more:
            line = Line("lease", *wanted.shelf, more)
            tried._check([line])
        self._become(tried)

    def report(self, lease_id: str, report: str, units: int, at: int) -> int:
        """A till sold units: how many of them were beyond its lease. Once per report."""
        lease = self.leases[lease_id]
        if report in lease.reports:
            return lease.breaches[report]
        covered = 0 if at > lease.expires else min(units, self.held(lease))
        lease.reports[report] = units
        lease.breaches[report] = units - covered
        self.move(lease.shelf, "SELLABLE", -units, at, (lease_id, report))
        sold = min(units, self.held(lease))
        lease.used += sold
        lease.draws = give_back(lease.draws, sold)
        return units - covered

    def return_lease(self, lease_id: str) -> None:
        """What is not used goes back."""
        self.leases[lease_id].returned = True
