"""Cancels what has not shipped."""

from __future__ import annotations

from dataclasses import dataclass

from tandem_order_orchestrator.application.apply_order_steps import OrderStep, existing
from tandem_order_orchestrator.application.ports import OrderKey
from tandem_order_orchestrator.domain.order_cancellation import cancel


@dataclass(frozen=True)
class CancelOrder:
    """A wish to cancel one order."""

    key: OrderKey
    reason: str

    def step(self) -> OrderStep:
        """Cancels what is open."""
        return OrderStep(self.key, existing(lambda o, now: cancel(o, self.reason, now)))
