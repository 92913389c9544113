"""Approves a return of goods and money."""

from __future__ import annotations

from dataclasses import dataclass

from tandem_order_orchestrator.application.apply_order_steps import OrderStep, existing
from tandem_order_orchestrator.application.ports import OrderKey
from tandem_order_orchestrator.domain.order_return import ReturnRequest, approve_return


@dataclass(frozen=True)
class CreateReturn:
    """A return of one order."""

    key: OrderKey
    request: ReturnRequest

    def step(self) -> OrderStep:
        """Approves once per external reference."""
        return OrderStep(self.key, existing(lambda o, now: approve_return(o, self.request, now)))
