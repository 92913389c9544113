"""The composition root: the only module that knows every layer."""

from __future__ import annotations

from tandem_platform.background_loop import BackgroundLoop
from tandem_platform.consumer import Consumer
from tandem_platform.idempotency import IdempotentWrites
from tandem_platform.process import Runtime, ServiceParts
from tandem_platform.service_wiring import consumer_runners, platform_servicers, purge_loop

from tandem_finance_posting.adapters.postgres.adjustment_reads import AdjustmentReads
from tandem_finance_posting.adapters.postgres.cost_reads import CostReads
from tandem_finance_posting.adapters.postgres.ledger_read_models import LedgerReadModels
from tandem_finance_posting.adapters.postgres.rule_store import RuleStore
from tandem_finance_posting.adapters.rules.rule_files import default_catalogue
from tandem_finance_posting.entrypoints.adjustment_calls import AdjustmentCalls
from tandem_finance_posting.entrypoints.consumer_source_events import (
    CONNECTOR_AGGREGATES,
    ORDER_AGGREGATES,
    HeldEvents,
    SourceEvents,
)
from tandem_finance_posting.entrypoints.control_parts import controls
from tandem_finance_posting.entrypoints.export_parts import export_parts
from tandem_finance_posting.entrypoints.grpc_adjustment_service import AdjustmentService
from tandem_finance_posting.entrypoints.grpc_cost_service import CostService
from tandem_finance_posting.entrypoints.grpc_estimate_service import EstimateService
from tandem_finance_posting.entrypoints.grpc_ledger_service import LedgerParts, LedgerService
from tandem_finance_posting.entrypoints.grpc_posting_service import PostingService
from tandem_finance_posting.entrypoints.grpc_rate_service import RateService
from tandem_finance_posting.entrypoints.grpc_rule_service import RuleService
from tandem_finance_posting.entrypoints.journal_explanations import JournalExplanations
from tandem_finance_posting.entrypoints.source_numbers import noting_numbers
from tandem_finance_posting.settings import FinanceSettings

HELD_INTERVAL_S = 3.0


async def build(runtime: Runtime) -> ServiceParts:
    """Wires the service."""
    settings = runtime.settings
    assert isinstance(settings, FinanceSettings)
    rules = RuleStore(default_catalogue())
    name = settings.service_name
    source_events = SourceEvents(rules, settings.entity_of, runtime.clock, name)
    held = HeldEvents(runtime.units, rules, runtime.clock, rows_max=settings.held_event_rows_max)
    held_loop = BackgroundLoop("held events", held.release, interval_s=HELD_INTERVAL_S)
    source_events.on_receipt(held_loop.poke)
    from_orders = noting_numbers(source_events.apply, settings.entity_of, runtime.clock)
    runners = consumer_runners(
        runtime,
        {
            "order-orchestrator": Consumer(
                f"{name}-evt_order", "EVT_ORDER", ORDER_AGGREGATES, from_orders
            ),
            "connectors": Consumer(
                f"{name}-evt_connector", "EVT_CONNECTOR", CONNECTOR_AGGREGATES, source_events.apply
            ),
        },
    )
    writes = IdempotentWrites(runtime.units, runtime.clock)
    read_models = LedgerReadModels(runtime.database)
    calls = AdjustmentCalls(
        writes, AdjustmentReads(runtime.database), rules, runtime.clock, runtime.page_tokens
    )
    controlled = controls(runtime, settings, rules, writes)
    export_services, export_loops, closers = export_parts(runtime, settings, writes)
    return ServiceParts(
        servicers=[
            LedgerService(
                LedgerParts(
                    runtime.database,
                    read_models,
                    JournalExplanations(runtime.database, read_models, rules),
                    controlled.completeness,
                    runtime.page_tokens,
                )
            ),
            RuleService(runtime.database, writes, rules, runtime.clock, runtime.page_tokens),
            AdjustmentService(calls),
            RateService(calls, held_loop.poke),
            PostingService(runtime.units, writes, rules, runtime.clock, held.release),
            CostService(CostReads(runtime.database), runtime.page_tokens),
            EstimateService(writes, rules, runtime.clock, runtime.page_tokens, runtime.units),
            *export_services,
            *controlled.servicers,
            *platform_servicers(runtime, runners, writes),
        ],
        consumers=runners,
        loops=[held_loop, *controlled.loops, *export_loops, purge_loop(writes)],
        closers=closers,
    )
