"""Notes the numbers sources give their events, in the transaction that takes the events in."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence
from datetime import date

from google.protobuf.message import DecodeError
from tandem.order.v1 import events_pb2 as order
from tandem_core.clock import Clock
from tandem_platform.delivery import Delivery
from tandem_platform.unit_of_work import UnitOfWork

from tandem_finance_posting.adapters.postgres.sequence_rows import note_numbers
from tandem_finance_posting.adapters.wire.source_event_mapping import EntityOf
from tandem_finance_posting.domain.source_sequence import NumberSource, SourceKind, SourceNumber

Apply = Callable[[UnitOfWork, Sequence[Delivery]], Awaitable[None]]
SALE = order.SaleCompleted.DESCRIPTOR.full_name


def noting_numbers(apply: Apply, entity_of: EntityOf, clock: Clock) -> Apply:
    """What takes events in, after their numbers are noted. An event that becomes a dead letter
    leaves its number missing: nobody may close over it."""

    async def noted(uow: UnitOfWork, deliveries: Sequence[Delivery]) -> None:
        await apply(uow, deliveries)
        numbers = [number for each in deliveries for number in _numbers(each, entity_of)]
        await note_numbers(uow.connection, numbers, clock.now())

    return noted


def _numbers(delivery: Delivery, entity_of: EntityOf) -> Iterable[SourceNumber]:
    if delivery.event_type != SALE:
        return
    try:
        sale = order.SaleCompleted.FromString(delivery.payload)
        business_date = date.fromisoformat(sale.business_date)
    except (DecodeError, ValueError):
        # Posting has refused it by name.
        return
    source = NumberSource(
        kind=SourceKind.REGISTER,
        legal_entity=entity_of(sale.sale.channel),
        business_date=business_date,
        store=sale.location,
        register=sale.register,
    )
    yield SourceNumber(delivery.tenant, source, sale.sequence)
