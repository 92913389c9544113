"""What a service process has of database and bus: opened at start, closed at the end."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass

from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from tandem_platform import migrations
from tandem_platform.background_loop import BackgroundLoop
from tandem_platform.database import Database
from tandem_platform.event_journal import EventJournal
from tandem_platform.health import Health
from tandem_platform.jetstream import JetStream
from tandem_platform.relay import Relay
from tandem_platform.settings import ServiceSettings
from tandem_platform.store_errors import reason_of_store_error
from tandem_platform.structured_logs import get_logger
from tandem_platform.unit_of_work import UnitOfWorkFactory

log = get_logger(__name__)

RETRY_PAUSE_S = 0.5
PROBE_INTERVAL_S = 5.0


class StoreNotReached(RuntimeError):
    """Postgres did not answer within ``start_wait_s_max``."""


class StoppedBeforeStart(Exception):
    """The signal to stop came while the start still waited."""


@dataclass(frozen=True)
class DataSide:
    """Database, units of work, bus and relay of one process. ``bus`` connects when it can."""

    database: Database
    journal: EventJournal
    units: UnitOfWorkFactory
    bus: JetStream | None
    relay: Relay | None

    @classmethod
    def of(cls, settings: ServiceSettings) -> DataSide:
        """Nothing is reached yet; call inside the running loop."""
        database = Database(
            settings.database_url,
            pool_size=settings.database_pool_size,
            application_name=f"{settings.service_name} {settings.replica}",
        )
        journal = EventJournal(settings.area, settings.partitions)
        units = UnitOfWorkFactory(database, journal)
        if not settings.nats_url or not settings.area:
            return cls(database, journal, units, None, None)
        bus = JetStream(settings.nats_url, settings.service_name)
        relay = Relay(database, journal, bus, settings.service_name, settings.replica)
        return cls(database, journal, units, bus, relay)

    async def start(self) -> None:
        """Begins to connect to NATS and to publish; works with NATS absent."""
        if self.bus is not None:
            await self.bus.start()
        if self.relay is not None:
            await self.relay.start()

    async def stop(self) -> None:
        """Publishes what is in hand and closes all connections."""
        try:
            if self.relay is not None:
                await self.relay.stop()
        except Exception as error:
            # Postgres may be the thing that is down; leases then end by themselves.
            if not reason_of_store_error(error):
                raise
            log.warning("leases not given back", error=type(error).__name__)
        finally:
            if self.bus is not None:
                await self.bus.stop()
            await self.database.close()

    def probe(self, health: Health) -> BackgroundLoop:
        """A loop that reports both dependencies to the health service."""

        async def look() -> None:
            await health.set_dependency("postgres", *await self._postgres())
            if self.bus is not None:
                reached = self.bus.connected
                await health.set_dependency("nats", reached, "not connected")

        return BackgroundLoop("dependencies", look, interval_s=PROBE_INTERVAL_S)

    async def _postgres(self) -> tuple[bool, str]:
        try:
            async with asyncio.timeout(PROBE_INTERVAL_S), self.database.connection() as connection:
                await connection.execute(text("SELECT 1"))
        except Exception as error:
            if not reason_of_store_error(error):
                raise
            return False, type(error).__name__
        return True, ""


async def migrate_when_reached(settings: ServiceSettings, stopping: asyncio.Event) -> None:
    """Applies the service's migrations, waiting for Postgres to answer.

    Raises StoreNotReached after ``start_wait_s_max``, StoppedBeforeStart when asked to stop.
    """
    give_up_at = time.monotonic() + settings.start_wait_s_max
    while not stopping.is_set():
        try:
            await asyncio.to_thread(migrations.upgrade, settings.database_url, settings.package)
            return
        except OperationalError as error:
            if time.monotonic() > give_up_at:
                raise StoreNotReached("postgres does not answer") from error
            log.info("postgres not reached yet", error=type(error.orig).__name__)
        try:
            await asyncio.wait_for(stopping.wait(), RETRY_PAUSE_S)
        except TimeoutError:
            continue
    raise StoppedBeforeStart
