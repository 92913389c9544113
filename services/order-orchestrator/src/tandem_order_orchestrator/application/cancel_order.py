"""Cancels what has not shipped."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tandem_order_orchestrator.application.apply_order_steps import OrderStep, existing
from tandem_order_orchestrator.application.ports import OrderKey
from tandem_order_orchestrator.domain.order_cancellation import cancel, cancel_reported


@dataclass(frozen=True)
class CancelOrder:
    """A wish to cancel one order."""

    key: OrderKey
    reason: str

    def step(self) -> OrderStep:
        """Cancels what is open."""
        return OrderStep(self.key, existing(lambda o, now: cancel(o, self.reason, now)))


@dataclass(frozen=True)
class TakeCancellation:
    """A channel says it cancelled these units of its lines."""

    key: OrderKey
    quantities: Mapping[str, int]
    reason: str

    def step(self) -> OrderStep:
        """Cancels them when they are what is open."""
        return OrderStep(
            self.key,
            existing(lambda o, now: cancel_reported(o, self.quantities, self.reason, now)),
        )
