"""The services and loops that keep the books whole: periods, seals, balances, completeness."""

from __future__ import annotations

from dataclasses import dataclass

from tandem_platform.background_loop import BackgroundLoop, Startable
from tandem_platform.idempotency import IdempotentWrites
from tandem_platform.process import Runtime

from tandem_finance_posting.adapters.postgres.close_policy import ClosePolicies
from tandem_finance_posting.adapters.postgres.integrity_reads import IntegrityReads
from tandem_finance_posting.adapters.postgres.period_reads import PeriodReads
from tandem_finance_posting.adapters.postgres.rule_store import RuleStore
from tandem_finance_posting.entrypoints.grpc_integrity_service import (
    IntegrityParts,
    IntegrityService,
)
from tandem_finance_posting.entrypoints.grpc_ledger_completeness import CompletenessParts
from tandem_finance_posting.entrypoints.grpc_period_service import PeriodParts, PeriodService
from tandem_finance_posting.entrypoints.late_posting_loop import LatePostings
from tandem_finance_posting.entrypoints.seal_loop import Roots, SealAuditor, Sealer
from tandem_finance_posting.settings import FinanceSettings

ROOT_INTERVAL_S = 60.0


@dataclass(frozen=True)
class Controls:
    """What is served and run."""

    servicers: list[object]
    loops: list[Startable]
    completeness: CompletenessParts


def controls(
    runtime: Runtime, settings: FinanceSettings, rules: RuleStore, writes: IdempotentWrites
) -> Controls:
    """Wires them."""
    clock, tokens = runtime.clock, runtime.page_tokens
    policy_of = ClosePolicies(rules, settings.close_threshold_minor, settings.close_clearing_days)
    periods = PeriodParts(
        writes=writes,
        reads=PeriodReads(runtime.database, policy_of),
        policy_of=policy_of,
        clock=clock,
        ids=runtime.ids,
        page_tokens=tokens,
        late_limit_minor=settings.late_limit_minor,
    )
    integrity = IntegrityParts(IntegrityReads(runtime.database), writes, clock, tokens)
    return Controls(
        servicers=[PeriodService(periods), IntegrityService(integrity)],
        loops=_loops(runtime, settings, policy_of),
        completeness=CompletenessParts(policy_of, clock, settings.late_limit_minor),
    )


def _loops(
    runtime: Runtime, settings: FinanceSettings, policy_of: ClosePolicies
) -> list[Startable]:
    units, clock = runtime.units, runtime.clock
    sealer = Sealer(units, clock, rows_max=settings.seal_rows_max, linger_s=settings.seal_linger_s)
    auditor = SealAuditor(units, clock, rows_max=settings.seal_audit_rows_max)
    late = LatePostings(units, policy_of, clock, limit_minor=settings.late_limit_minor)
    sealing = BackgroundLoop("seals", sealer.seal, interval_s=settings.seal_interval_s)
    runtime.units.journal.on_commit(sealing.poke)
    return [
        sealing,
        BackgroundLoop("roots", Roots(units, clock).root, interval_s=ROOT_INTERVAL_S),
        BackgroundLoop("seal audit", auditor.audit, interval_s=settings.seal_audit_interval_s),
        BackgroundLoop("late postings", late.look, interval_s=settings.late_interval_s),
    ]
