"""What every service with events is wired from: its consumers, and the two services all serve."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tandem_platform.background_loop import BackgroundLoop
from tandem_platform.consumer import Consumer, ConsumerParts, ConsumerRunner
from tandem_platform.idempotency import IdempotentWrites
from tandem_platform.journal_reader import JournalClient, JournalServicer
from tandem_platform.journal_store import JournalStore
from tandem_platform.operations_service import (
    Count,
    OperationsParts,
    OperationsServicer,
    no_count,
)
from tandem_platform.process import Runtime

PURGE_INTERVAL_S = 600.0


def consumer_runners(runtime: Runtime, consumers: Mapping[str, Consumer]) -> list[ConsumerRunner]:
    """Runners of consumers by the service whose journal they repair from."""
    settings = runtime.settings
    parts = ConsumerParts(
        units=runtime.units,
        bus=runtime.bus,
        clock=runtime.clock,
        ids=runtime.ids,
        partitions=settings.partitions,
        replica=settings.replica,
    )
    return [
        ConsumerRunner(consumer, parts, JournalClient(runtime.peers[source], source))
        for source, consumer in consumers.items()
    ]


def platform_servicers(
    runtime: Runtime,
    runners: Sequence[ConsumerRunner],
    writes: IdempotentWrites,
    *,
    active_sagas: Count = no_count,
    pending_commands: Count = no_count,
) -> list[object]:
    """The journal and operations services every service with events serves."""
    settings = runtime.settings
    journal = JournalServicer(
        JournalStore(runtime.database), settings.service_name, runtime.page_tokens
    )
    operations = OperationsServicer(
        OperationsParts(
            service=settings.service_name,
            replica=settings.replica,
            units=runtime.units,
            bus=runtime.bus,
            relay=runtime.relay,
            consumers=runners,
            writes=writes,
            page_tokens=runtime.page_tokens,
            health=runtime.health,
            active_sagas=active_sagas,
            pending_commands=pending_commands,
        )
    )
    return [journal, operations]


def purge_loop(writes: IdempotentWrites) -> BackgroundLoop:
    """Removes idempotency records that are past their retention."""
    return BackgroundLoop("purge idempotency", writes.purge, interval_s=PURGE_INTERVAL_S)
