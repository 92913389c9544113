"""Books goods that left a location."""

from __future__ import annotations

from dataclasses import dataclass

from tandem_order_orchestrator.application.apply_order_steps import OrderStep, existing
from tandem_order_orchestrator.application.ports import OrderKey
from tandem_order_orchestrator.domain.order_shipment import ShipmentConfirmation, ship


@dataclass(frozen=True)
class ConfirmShipment:
    """A shipment of one order."""

    key: OrderKey
    confirmation: ShipmentConfirmation

    def step(self) -> OrderStep:
        """Ships once per reference."""
        return OrderStep(self.key, existing(lambda o, now: ship(o, self.confirmation, now)))
