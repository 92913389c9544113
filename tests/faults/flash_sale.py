"""A flash sale: far more buyers than units, asking from stores, centres and channels at once, some
of them twice, while the service is killed and the broker goes away.

Used by the test of this folder in small, and by `tests/performance/bench_flash_sale.py` in full.
"""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from subprocess import Popen

import grpc
from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp
from sqlalchemy import text
from tandem.inventory.v1 import availability_service_pb2 as availability
from tandem.inventory.v1 import catalog_service_pb2 as catalog
from tandem.inventory.v1 import config_service_pb2 as config
from tandem.inventory.v1 import reservation_pb2 as wire
from tandem.inventory.v1 import reservation_service_pb2 as api
from tandem.inventory.v1 import signal_service_pb2 as signals
from tandem.inventory.v1 import source_service_pb2 as sources
from tandem.inventory.v1 import stock_policy_pb2 as policies
from tandem.inventory.v1.availability_service_pb2_grpc import AvailabilityServiceStub
from tandem.inventory.v1.catalog_service_pb2_grpc import CatalogServiceStub
from tandem.inventory.v1.config_service_pb2_grpc import ConfigServiceStub
from tandem.inventory.v1.reservation_service_pb2_grpc import ReservationServiceStub
from tandem.inventory.v1.signal_service_pb2_grpc import SignalServiceStub
from tandem.inventory.v1.source_service_pb2_grpc import SourceServiceStub
from tandem_platform.database import Database
from tandem_platform.remote_error import RemoteError
from tandem_testing.child_process import free_port
from tandem_testing.embedded_nats import EmbeddedNats
from tandem_testing.eventually import eventually
from tandem_testing.service_under_test import ServiceUnderTest, end

NAME, MODULE = "inventory-availability", "tandem_inventory_availability"
SKU, SOURCE, ONLINE = "DROP", "wms/sale", "ONLINE"
CENTRES = ("DC-1", "DC-2")
CHANNELS = ("web", "app", "marketplace-1", "marketplace-2", "click-and-collect", "pos")
IN_FLIGHT = 256
REPLAYED_EVERY = 7
"""Every so many-th buyer asks again with the same request after the answer."""
COMES_AGAIN = {
    grpc.StatusCode.UNAVAILABLE,
    grpc.StatusCode.DEADLINE_EXCEEDED,
    grpc.StatusCode.CANCELLED,
    grpc.StatusCode.RESOURCE_EXHAUSTED,
}
START_WAIT_S = 60.0


@dataclass(frozen=True)
class Sale:
    """How large it is. Each store has one unit, the centres share the rest."""

    units: int
    buyers: int
    stores: int

    @property
    def at_centres(self) -> int:
        """Units of the two centres together."""
        return self.units - self.stores


@dataclass
class Outcome:
    """What the buyers were told."""

    won: dict[int, str] = field(default_factory=dict)
    refused: int = 0
    retries: int = 0
    replays: int = 0
    seconds: float = 0.0
    kills: int = 0


@dataclass
class FlashSale:
    """The service as a process, the broker, and what may happen to both."""

    sale: Sale
    service: ServiceUnderTest
    nats: EmbeddedNats
    database: Database
    channel: grpc.aio.Channel
    process: Popen[bytes]
    outcome: Outcome = field(default_factory=Outcome)

    async def prepare(self) -> None:
        """Puts the catalogue, the group of the centres, and the stock."""
        await eventually(self._answers, True, wait_s=START_WAIT_S)
        await self._places()
        group = policies.SourcingGroupPolicy(members=CENTRES)
        entry = policies.PolicyEntry(id=ONLINE, group=group)
        await ConfigServiceStub(self.channel).PutPolicies(
            config.PutPoliciesRequest(request_id=_new_id(), entries=[entry])
        )
        owner = sources.StockSource(
            id=SOURCE,
            sequencing=sources.StockSource.SEQUENCING_SEQ,
            freshness_slo=Duration(seconds=3600),
            owns=[sources.Ownership(location="*")],
        )
        await SourceServiceStub(self.channel).PutSources(
            sources.PutSourcesRequest(request_id=_new_id(), sources=[owner])
        )
        await self._stock()

    async def run(self, chaos: bool = True) -> Outcome:
        """Lets everybody buy at once."""
        buyers = iter(range(self.sale.buyers))
        started = time.monotonic()

        async def queue() -> None:
            for buyer in buyers:
                await self._buy(buyer)
                if chaos:
                    self._trouble(buyer)

        await asyncio.gather(*(queue() for _ in range(IN_FLIGHT)))
        self.outcome.seconds = time.monotonic() - started
        if chaos and not self.nats.running:
            await asyncio.to_thread(self.nats.start)
        return self.outcome

    async def prove(self) -> None:
        """Exactly all units are promised, each to one buyer; nothing is left to be published."""
        claims = "SELECT sum(hard + soft) FROM {} WHERE sku = 'DROP'"
        at_locations = await self._one(claims.format("stock_position"))
        in_groups = await self._one(claims.format("group_claim"))
        assert at_locations + in_groups == self.sale.units
        assert len(self.outcome.won) == len(set(self.outcome.won.values())) == self.sale.units
        live = "SELECT count(*) FROM reservation WHERE state = 'CONFIRMED'"
        assert await self._one(live) == self.sale.units
        assert await self._one("SELECT min(on_hand - hard - soft) FROM stock_position") >= 0
        checked = await AvailabilityServiceStub(self.channel).VerifyIntegrity(
            availability.VerifyIntegrityRequest()
        )
        assert list(checked.differences) == []
        made = "SELECT count(*) FROM event_journal WHERE type LIKE '%ReservationMade'"
        assert await self._one(made) == self.sale.units
        unpublished = "SELECT count(*) FROM event_journal WHERE published_at IS NULL"
        await eventually(lambda: self._one(unpublished), 0, wait_s=START_WAIT_S)

    async def _buy(self, buyer: int) -> None:
        request = self._request(buyer)
        answer = await self._until_answered(request)
        if answer is None:
            self.outcome.refused += 1
        else:
            self.outcome.won[buyer] = answer
        if buyer % REPLAYED_EVERY == 0:
            again = await self._until_answered(request)
            self.outcome.replays += 1
            # A refusal is no effect, so asking again may only be refused again.
            assert again == answer, f"buyer {buyer} was told {answer} and then {again}"

    def _request(self, buyer: int) -> api.ReserveRequest:
        channel = CHANNELS[buyer % len(CHANNELS)]
        line = api.ReserveLine(line_id="1", sku=SKU, quantity=1)
        if channel in ("click-and-collect", "pos"):
            line.location = _store(buyer // len(CHANNELS) % self.sale.stores)
        elif channel == "marketplace-2":
            line.location = CENTRES[buyer % 2]
        else:
            line.group = ONLINE
        return api.ReserveRequest(
            request_id=str(uuid.uuid5(uuid.NAMESPACE_OID, f"buyer-{buyer}")),
            owner=wire.ReservationOwner(type="order", id=f"buyer-{buyer}"),
            channel=channel,
            reservation_class=wire.RESERVATION_CLASS_HARD,
            lines=[line],
        )

    async def _until_answered(self, request: api.ReserveRequest) -> str | None:
        while True:
            try:
                answer = await ReservationServiceStub(self.channel).Reserve(request, timeout=10)
            except RemoteError as error:
                if error.reason == "INSUFFICIENT_STOCK":
                    return None
                if error.code not in COMES_AGAIN:
                    raise
                self.outcome.retries += 1
                await asyncio.sleep(0.05)
            else:
                return answer.reservation.id

    def _trouble(self, buyer: int) -> None:
        """Kills at fixed parts of the sale, so that each run meets the same trouble."""
        at = {int(self.sale.buyers * part): what for part, what in self._plan}
        if buyer in at:
            at[buyer]()

    @property
    def _plan(self) -> tuple[tuple[float, Callable[[], None]], ...]:
        # While there is still stock to promise: at the end only refusals would be interrupted.
        scarce = self.sale.units / self.sale.buyers
        return (
            (scarce * 0.3, self._kill),
            (scarce * 0.6, self.nats.kill),
            (scarce * 0.9, self._kill),
            (scarce * 1.5, self.nats.start),
            (0.7, self._kill),
        )

    def _kill(self) -> None:
        self.process.kill()
        self.process.wait()
        self.process = self.service.start(MODULE)
        self.outcome.kills += 1

    async def _answers(self) -> bool:
        request = catalog.PutItemsRequest(request_id=_new_id(), items=[catalog.Item(sku=SKU)])
        try:
            await CatalogServiceStub(self.channel).PutItems(request, timeout=2)
        except RemoteError:
            return False
        return True

    async def _places(self) -> None:
        kinds = catalog.Location
        centre, store = kinds.KIND_DISTRIBUTION_CENTRE, kinds.KIND_STORE
        places = [kinds(id=name, kind=centre, ships=True) for name in CENTRES]
        places += [kinds(id=_store(n), kind=store) for n in range(self.sale.stores)]
        await CatalogServiceStub(self.channel).PutLocations(
            catalog.PutLocationsRequest(request_id=_new_id(), locations=places)
        )

    async def _stock(self) -> None:
        first = self.sale.at_centres // 2
        units = {CENTRES[0]: first, CENTRES[1]: self.sale.at_centres - first}
        units |= {_store(n): 1 for n in range(self.sale.stores)}
        now = Timestamp()
        now.FromDatetime(datetime.now(UTC))
        counts = [
            signals.StockSignal(
                source=SOURCE,
                sequence=1,
                sku=SKU,
                location=location,
                snapshot=quantity,
                effective_time=now,
            )
            for location, quantity in units.items()
        ]
        answer = await SignalServiceStub(self.channel).SubmitSignals(
            signals.SubmitSignalsRequest(request_id=_new_id(), signals=counts)
        )
        applied = signals.SignalResult.OUTCOME_APPLIED
        assert {result.outcome for result in answer.results} == {applied}

    async def _one(self, sql: str) -> int:
        async with self.database.transaction() as connection:
            return int((await connection.execute(text(sql))).scalar_one() or 0)


@asynccontextmanager
async def flash_sale(
    sale: Sale, folder: Path, database_url: str, nats: EmbeddedNats
) -> AsyncIterator[FlashSale]:
    """The sale before it opens; servers are the caller's."""
    service = ServiceUnderTest(NAME, folder)
    service.configure(database_url, nats.url, {"connectors": free_port()})
    database = Database(database_url, application_name="flash sale")
    process = service.start(MODULE)
    async with service.channel() as channel:
        run = FlashSale(sale, service, nats, database, channel, process)
        try:
            await run.prepare()
            yield run
        finally:
            end(run.process)
            await database.close()


def _store(number: int) -> str:
    return f"STORE-{number:03}"


def _new_id() -> str:
    return str(uuid.uuid4())
