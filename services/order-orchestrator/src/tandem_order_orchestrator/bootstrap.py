"""The composition root: the only module that knows every layer."""

from __future__ import annotations

from sqlalchemy import text
from tandem_platform import metrics
from tandem_platform.background_loop import BackgroundLoop
from tandem_platform.consumer import Consumer
from tandem_platform.database import Database
from tandem_platform.idempotency import IdempotentWrites
from tandem_platform.process import Runtime, ServiceParts
from tandem_platform.saga import SagaEngine
from tandem_platform.saga_commands import (
    CommandDispatcher,
    pending_commands,
    stuck_commands,
)
from tandem_platform.saga_timers import SagaTimers
from tandem_platform.service_wiring import consumer_runners, platform_servicers, purge_loop

from tandem_order_orchestrator.adapters.grpc_stock_gateway import GrpcStockGateway
from tandem_order_orchestrator.adapters.order_writes import OrderChanges, OrderWrites
from tandem_order_orchestrator.adapters.postgres import waiting_reports
from tandem_order_orchestrator.adapters.postgres.order_read_models import OrderReadModels
from tandem_order_orchestrator.adapters.postgres.order_transaction import OrderSaga
from tandem_order_orchestrator.application.carry_out_command import CommandExecutor
from tandem_order_orchestrator.entrypoints.consumer_connector_facts import (
    AGGREGATE_TYPES,
    ConnectorFacts,
)
from tandem_order_orchestrator.entrypoints.grpc_fulfilment_service import FulfilmentService
from tandem_order_orchestrator.entrypoints.grpc_order_service import OrderService
from tandem_order_orchestrator.entrypoints.grpc_return_service import ReturnService
from tandem_order_orchestrator.entrypoints.order_commands import OrderCommands
from tandem_order_orchestrator.settings import OrderSettings

WAITING_INTERVAL_S = 1.0
TIMER_INTERVAL_S = 1.0
FIGURES_INTERVAL_S = 10.0

_ACTIVE_SAGAS = text("SELECT count(*) FROM saga WHERE state <> 'CLOSED'")


async def build(runtime: Runtime) -> ServiceParts:
    """Wires the service."""
    settings = runtime.settings
    assert isinstance(settings, OrderSettings)
    read_models = OrderReadModels(runtime.database)
    changes = OrderChanges()
    writes = OrderWrites(runtime.units, runtime.clock)
    writes.on_change(changes.changed)
    facts = ConnectorFacts(writes, runtime.units, waiting_rows_max=settings.waiting_report_rows_max)
    dispatcher = _dispatcher(runtime, settings, writes, read_models)
    runtime.units.journal.on_commit(dispatcher.wake)
    consumer = Consumer(
        "order-orchestrator-evt_connector", "EVT_CONNECTOR", AGGREGATE_TYPES, facts.apply
    )
    runners = consumer_runners(runtime, {"connectors": consumer})
    waiting = BackgroundLoop("waiting reports", facts.retry_waiting, interval_s=WAITING_INTERVAL_S)
    idempotent = IdempotentWrites(runtime.units, runtime.clock)
    counts = Counts(runtime.database)
    timers = SagaTimers(runtime.database, SagaEngine(OrderSaga()), runtime.clock, dispatcher.wake)
    return ServiceParts(
        servicers=[
            OrderService(writes, read_models, changes, runtime.page_tokens),
            FulfilmentService(writes),
            ReturnService(writes, read_models),
            *platform_servicers(
                runtime,
                runners,
                idempotent,
                active_sagas=counts.active_sagas,
                pending_commands=counts.pending,
            ),
        ],
        consumers=runners,
        loops=[
            writes.requests,
            writes.answers,
            dispatcher,
            waiting,
            BackgroundLoop("saga timers", timers.round, interval_s=TIMER_INTERVAL_S),
            BackgroundLoop("figures", counts.measure, interval_s=FIGURES_INTERVAL_S),
            purge_loop(idempotent),
        ],
    )


def _dispatcher(
    runtime: Runtime, settings: OrderSettings, writes: OrderWrites, read_models: OrderReadModels
) -> CommandDispatcher:
    gateway = GrpcStockGateway(runtime.peers["inventory-availability"])
    commands = OrderCommands(CommandExecutor(gateway, read_models.order), writes)
    return CommandDispatcher(
        runtime.database,
        commands.execute,
        owner=settings.replica,
        in_flight_max=settings.commands_in_flight_max,
    )


class Counts:
    """Figures of the service's status."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def active_sagas(self) -> int:
        """Processes that are not at their end."""
        async with self._database.transaction() as connection:
            return int((await connection.execute(_ACTIVE_SAGAS)).scalar_one())

    async def pending(self) -> int:
        """Commands not done."""
        async with self._database.transaction() as connection:
            return await pending_commands(connection)

    async def measure(self) -> None:
        """Records what somebody must look at: commands that go on failing, reports that wait."""
        async with self._database.transaction() as connection:
            stuck = await stuck_commands(connection)
            waiting = sum((await waiting_reports.counts(connection)).values())
        metrics.record("tandem_saga_commands_stuck", stuck)
        metrics.record("tandem_waiting_reports", waiting)
