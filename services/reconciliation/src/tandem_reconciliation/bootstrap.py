"""The composition root: the only module that knows every layer."""

from __future__ import annotations

from tandem_platform.background_loop import BackgroundLoop
from tandem_platform.consumer import Consumer
from tandem_platform.idempotency import IdempotentWrites
from tandem_platform.process import Runtime, ServiceParts
from tandem_platform.service_wiring import consumer_runners, platform_servicers, purge_loop

from tandem_reconciliation.adapters.postgres.exception_read_models import ExceptionReadModels
from tandem_reconciliation.domain.checkpoint import Materiality, checkpoints
from tandem_reconciliation.entrypoints.checkpoint_runs import CheckpointRuns, PeriodicRuns
from tandem_reconciliation.entrypoints.consumer_observations import (
    CONNECTOR_AGGREGATES,
    FINANCE_AGGREGATES,
    ORDER_AGGREGATES,
    Observations,
)
from tandem_reconciliation.entrypoints.grpc_reconciliation_service import ReconciliationService
from tandem_reconciliation.settings import ReconciliationSettings


async def build(runtime: Runtime) -> ServiceParts:
    """Wires the service."""
    settings = runtime.settings
    assert isinstance(settings, ReconciliationSettings)
    name = settings.service_name
    apply = Observations(runtime.clock, name).apply
    runners = consumer_runners(
        runtime,
        {
            "order-orchestrator": Consumer(
                f"{name}-evt_order", "EVT_ORDER", ORDER_AGGREGATES, apply
            ),
            "finance-posting": Consumer(
                f"{name}-evt_finance", "EVT_FINANCE", FINANCE_AGGREGATES, apply
            ),
            "connectors": Consumer(
                f"{name}-evt_connector", "EVT_CONNECTOR", CONNECTOR_AGGREGATES, apply
            ),
        },
    )
    writes = IdempotentWrites(runtime.units, runtime.clock)
    read_models = ExceptionReadModels(runtime.database)
    runs = CheckpointRuns(
        checkpoints(settings.windows()),
        Materiality(settings.materiality_minor),
        runtime.clock,
        runtime.ids,
    )
    periodic = PeriodicRuns(runtime.units, read_models, runs, tenants_max=settings.tenants_max)
    return ServiceParts(
        servicers=[
            ReconciliationService(writes, runs, read_models, runtime.page_tokens),
            *platform_servicers(runtime, runners, writes),
        ],
        consumers=runners,
        loops=[
            BackgroundLoop("checkpoints", periodic.round, interval_s=settings.run_interval_s),
            purge_loop(writes),
        ],
    )
