"""Brings income from gift cards nobody will redeem to the targets of the figures in force."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from tandem_finance_posting.application.estimate_ports import EstimateKey, EstimateStore
from tandem_finance_posting.application.ports import PostingTransaction
from tandem_finance_posting.application.true_up_reserve import TrueUp, TrueUpReserve
from tandem_finance_posting.domain.estimates import EstimateKind


@dataclass(frozen=True)
class RunBreakage:
    """A run over the cards of one entity, counting on a day."""

    tenant: str
    legal_entity: str
    day: date
    dry_run: bool = False

    async def carry_out(
        self, store: EstimateStore, transaction: PostingTransaction, now: datetime
    ) -> TrueUp:
        """Raises what TrueUpReserve raises."""
        key = EstimateKey(self.tenant, self.legal_entity, EstimateKind.BREAKAGE)
        return await TrueUpReserve(key, self.day, self.dry_run).carry_out(store, transaction, now)
