"""SetPublicationPolicy: how much of what a channel may promise it is told."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from tandem_core.errors import FieldViolation, ValidationFailed

from tandem_inventory_availability.domain.publication import PublicationPolicy


class PublicationPolicies(Protocol):
    """Policies as they are kept."""

    async def put(self, tenant: str, policy: PublicationPolicy) -> int:
        """Writes a policy; its version."""
        ...


@dataclass(frozen=True)
class SetPublicationPolicy:
    """The policy a channel shall have, for all its SKUs or one."""

    tenant: str
    channel: str
    policy: PublicationPolicy

    async def carry_out(self, policies: PublicationPolicies) -> int:
        """Writes it; its version. Raises ValidationFailed."""
        if self.policy.channel != self.channel:
            told = FieldViolation("policy.channel", "is not the channel named", "const")
            raise ValidationFailed([told])
        most = self.policy.max_publish
        if most is not None and most < self.policy.min_publish:
            told = FieldViolation("policy.max_publish_quantity", "is below the minimum", "gte")
            raise ValidationFailed([told])
        return await policies.put(self.tenant, self.policy)
