"""One configured link to an outside system."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Connection:
    """Belongs to one tenant; all that comes in through it is that tenant's."""

    id: str
    connector: str
    tenant: str
    settings: Mapping[str, object] = field(default_factory=dict)
    poll_interval_s: int = 2

    def takes_payment_method(self, method: str) -> bool:
        """True when setting `payment_methods` names the method, or nothing at all."""
        methods = self.settings.get("payment_methods")
        return not isinstance(methods, list) or method in methods
