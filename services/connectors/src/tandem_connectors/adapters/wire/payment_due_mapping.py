"""From `PaymentDue` of the orders to a payment command."""

from tandem.order.v1 import events_pb2
from tandem_connector_sdk.models import PaymentAction, PaymentCommand
from tandem_core.errors import FieldViolation, ValidationFailed
from tandem_core.money import Money

_ACTIONS = {
    events_pb2.PaymentDue.ACTION_AUTHORISE: PaymentAction.AUTHORISE,
    events_pb2.PaymentDue.ACTION_CAPTURE: PaymentAction.CAPTURE,
    events_pb2.PaymentDue.ACTION_REFUND: PaymentAction.REFUND,
    events_pb2.PaymentDue.ACTION_VOID: PaymentAction.VOID,
}


def to_command(due: events_pb2.PaymentDue) -> PaymentCommand:
    """Raises ValidationFailed for an action newer than this service: money is never guessed."""
    if due.action not in _ACTIONS:
        raise ValidationFailed([FieldViolation("action", f"{due.action} is not known here")])
    return PaymentCommand(
        command_id=due.command_id,
        order_id=due.order_id,
        action=_ACTIONS[due.action],
        amount=Money(due.amount.currency_code, due.amount.minor_units),
        provider_ref=due.provider_ref,
    )
