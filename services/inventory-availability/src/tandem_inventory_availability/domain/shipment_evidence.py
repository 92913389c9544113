"""Matches shipped units with the movement by which their source says that they left.

Both name the shipment's reference; either may come first. Units are matched once.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from tandem_inventory_availability.domain.stock_position import StockKey


@dataclass(frozen=True, order=True)
class EvidenceKey:
    """One shipment's units of one SKU at one location."""

    reference: str
    stock: StockKey


@dataclass
class ShipmentClaim:
    """Units of one reservation line in the shipment."""

    reservation_id: str
    line_id: str
    shipped: int
    settled: int = 0


@dataclass
class ShipmentEvidence:
    """What was shipped and what the source evidenced of it."""

    key: EvidenceKey
    evidenced: int = 0
    claims: list[ShipmentClaim] = field(default_factory=list)

    def ship(self, reservation_id: str, line_id: str, quantity: int) -> int:
        """Adds shipped units; how many of them are evidenced already."""
        settled = min(quantity, self.evidenced - sum(claim.settled for claim in self.claims))
        self.claims.append(ShipmentClaim(reservation_id, line_id, quantity, settled))
        return settled

    def reversible(self, reservation_id: str, line_id: str) -> int:
        """Shipped units of a line whose departure is not evidenced."""
        return sum(c.shipped - c.settled for c in self._of(reservation_id, line_id))

    def reverse(self, reservation_id: str, line_id: str, quantity: int) -> None:
        """Takes units of a line out of the shipment; at most the reversible ones."""
        for claim in self._of(reservation_id, line_id):
            fewer = min(quantity, claim.shipped - claim.settled)
            claim.shipped -= fewer
            quantity -= fewer

    def _of(self, reservation_id: str, line_id: str) -> list[ShipmentClaim]:
        named = (reservation_id, line_id)
        return [c for c in self.claims if (c.reservation_id, c.line_id) == named]

    def evidence(self, quantity: int) -> list[ShipmentClaim]:
        """Units left; which claims they settle, with only the newly settled units."""
        self.evidenced += quantity
        settled = []
        for claim in self.claims:
            now = min(quantity, claim.shipped - claim.settled)
            if now:
                claim.settled += now
                quantity -= now
                settled.append(ShipmentClaim(claim.reservation_id, claim.line_id, now, now))
        return settled
