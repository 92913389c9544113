"""What a channel is told: less than it may promise, raised with patience, lowered at once."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from tandem_inventory_availability.domain.policy_rules import BASIS_POINTS

ALL_SKUS = ""


@dataclass(frozen=True)
class PublicationPolicy:
    """Buffers of a channel. A raise is told once it is ``raise_step`` units, or ``raise_after`` the
    last word; a channel that was told less loses a sale, one that was told more breaks a promise.
    """

    channel: str
    sku: str = ALL_SKUS
    buffer_basis_points: int = 0
    buffer_units: int = 0
    min_publish: int = 0
    max_publish: int | None = None
    raise_step: int = 0
    raise_after: timedelta = timedelta(0)
    version: int = 0

    def publishable(self, available: int) -> int:
        """What may be told of what the channel may promise."""
        told = available * (BASIS_POINTS - self.buffer_basis_points) // BASIS_POINTS
        told = max(0, told - self.buffer_units)
        if self.max_publish is not None:
            told = min(told, self.max_publish)
        return told if told >= self.min_publish else 0


@dataclass(frozen=True)
class Told:
    """What a channel was last told."""

    quantity: int
    at: datetime


def policy_for(policies: Iterable[PublicationPolicy], channel: str, sku: str) -> PublicationPolicy:
    """The policy of a channel for a SKU: its own, the channel's, or everything as it is."""
    mine = {policy.sku: policy for policy in policies if policy.channel == channel}
    return mine.get(sku) or mine.get(ALL_SKUS) or PublicationPolicy(channel)


def to_publish(
    policy: PublicationPolicy, available: int, told: Told | None, now: datetime
) -> int | None:
    """The new figure to tell; None when the old one stands."""
    quantity = policy.publishable(available)
    if told is None or quantity < told.quantity:
        return quantity
    raised = quantity - told.quantity
    if not raised:
        return None
    # From nothing to something is told at once: a shop that is shut sells nothing.
    patient = told.quantity > 0 and now - told.at < policy.raise_after
    return None if patient and raised < policy.raise_step else quantity


def urgent(quantity: int, told: Told | None) -> bool:
    """True when nothing is left, or something is again."""
    return told is not None and (quantity == 0) != (told.quantity == 0)
