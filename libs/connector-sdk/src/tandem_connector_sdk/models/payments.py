"""What a payment provider is asked, what it answers, and what it lists."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import ClassVar

from tandem_core.money import Money


class PaymentAction(StrEnum):
    """What a provider can be asked."""

    AUTHORISE = "AUTHORISE"
    CAPTURE = "CAPTURE"
    REFUND = "REFUND"
    VOID = "VOID"


class PaymentOutcome(StrEnum):
    """What came of it."""

    SUCCEEDED = "SUCCEEDED"
    DECLINED = "DECLINED"


@dataclass(frozen=True, slots=True)
class PaymentCommand:
    """One thing to ask. `command_id` is the reference the provider stores and is searched by.

    `provider_ref` names the earlier operation this one builds on: the authorisation of a capture
    or void, the capture of a refund; empty for an authorisation.
    """

    command_id: str
    order_id: str
    action: PaymentAction
    amount: Money
    provider_ref: str = ""


@dataclass(frozen=True, slots=True)
class PaymentResult:
    """The provider's answer to a command."""

    outcome: PaymentOutcome
    amount: Money
    complete_time: datetime
    provider_ref: str = ""
    decline_reason: str = ""


@dataclass(frozen=True, slots=True)
class PaymentCompleted:
    """A command is answered for good."""

    aggregate_type: ClassVar[str] = "payment_command"
    command: PaymentCommand
    result: PaymentResult

    @property
    def aggregate_key(self) -> str:
        """The command."""
        return self.command.command_id

    @property
    def event_key(self) -> str:
        """A command is answered once."""
        return f"payment-completed|{self.command.command_id}"


@dataclass(frozen=True, slots=True)
class ProviderTransactionReported:
    """The provider lists a captured or refunded amount, positive and before fees."""

    aggregate_type: ClassVar[str] = "provider_transaction"
    provider_ref: str
    action: PaymentAction
    amount: Money
    transaction_time: datetime
    merchant_ref: str = ""

    @property
    def aggregate_key(self) -> str:
        """The provider's reference."""
        return self.provider_ref

    @property
    def event_key(self) -> str:
        """An operation is listed once, on however many pages."""
        return f"provider-transaction|{self.provider_ref}"
