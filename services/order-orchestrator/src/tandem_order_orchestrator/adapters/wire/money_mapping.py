"""Money on the wire is amount and currency; an order holds its currency once."""

from __future__ import annotations

from tandem.common.v1.external_ref_pb2 import ExternalRef as ExternalRefMessage
from tandem.common.v1.money_pb2 import Money as MoneyMessage
from tandem_core.errors import CurrencyMismatch
from tandem_platform.timestamps import from_time as from_time
from tandem_platform.timestamps import to_time as to_time

from tandem_order_orchestrator.domain.draft import ExternalRef


def to_money(minor_units: int, currency_code: str) -> MoneyMessage:
    """An amount with its currency."""
    return MoneyMessage(currency_code=currency_code, minor_units=minor_units)


def from_money(message: MoneyMessage, currency_code: str) -> int:
    """Minor units; an amount that is not set is 0. Raises CurrencyMismatch."""
    if not message.currency_code and not message.minor_units:
        return 0
    if message.currency_code != currency_code:
        raise CurrencyMismatch(currency_code, message.currency_code)
    return int(message.minor_units)


def to_ref(ref: ExternalRef) -> ExternalRefMessage:
    """An external reference."""
    return ExternalRefMessage(system=ref.system, type=ref.type, id=ref.id)


def from_ref(message: ExternalRefMessage) -> ExternalRef:
    """An external reference."""
    return ExternalRef(message.system, message.type, message.id)
