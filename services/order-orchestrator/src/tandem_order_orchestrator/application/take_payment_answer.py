"""Takes in what the payment provider answered."""

from __future__ import annotations

from dataclasses import dataclass

from tandem_order_orchestrator.application.apply_order_steps import OrderStep, existing
from tandem_order_orchestrator.application.ports import OrderKey
from tandem_order_orchestrator.domain.order_payment import PaymentAnswer, answered


@dataclass(frozen=True)
class TakePaymentAnswer:
    """An answer about one order's money."""

    key: OrderKey
    answer: PaymentAnswer

    def step(self) -> OrderStep:
        """Applies the answer once."""
        return OrderStep(self.key, existing(lambda o, now: answered(o, self.answer, now)))
