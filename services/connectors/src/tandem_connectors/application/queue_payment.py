"""Queues what an order says is due; repeats of the event change nothing."""

from collections.abc import Mapping
from datetime import datetime

from tandem_connector_sdk.models import PaymentCommand

from tandem_connectors.application.connection_book import ConnectionBook
from tandem_connectors.application.ports import Transaction
from tandem_connectors.domain.outbound_command import OutboundCommand


class QueuePayment:
    """Finds the tenant's provider and leaves the command for it."""

    def __init__(self, book: ConnectionBook) -> None:
        self._book = book

    async def handle(
        self,
        transaction: Transaction,
        tenant: str,
        method: str,
        command: PaymentCommand,
        arrived: tuple[datetime, Mapping[str, str]],
    ) -> None:
        """`arrived` is when and with which trace. Raises ConnectionUnknown without a provider."""
        configured = self._book.for_payments(tenant, method)
        created_at, carrier = arrived
        await transaction.commands.add(
            OutboundCommand(
                command=command,
                tenant=tenant,
                connection_id=configured.connection.id,
                created_at=created_at,
                carrier=carrier,
                next_attempt_at=created_at,
            )
        )
