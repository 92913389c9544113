"""Exceptions and runs from domain to wire."""

from __future__ import annotations

from collections.abc import Mapping

from tandem.common.v1.money_pb2 import Money
from tandem.reconciliation.v1 import reconciliation_exception_pb2 as wire
from tandem.reconciliation.v1.reconciliation_service_pb2 import CheckpointRun as RunMessage
from tandem_platform.timestamps import to_time as to_time

from tandem_reconciliation.application.ports import CheckpointRun
from tandem_reconciliation.domain.exception_case import ExceptionCase

_Exception = wire.ReconciliationException


def to_exception(case: ExceptionCase) -> wire.ReconciliationException:
    """An exception as it stands."""
    found = case.found
    message = _Exception(
        id=case.id,
        checkpoint=case.checkpoint,
        type=found.type,
        key=found.key,
        state=_Exception.State.Value(f"STATE_{case.state.value}"),
        severity=_Exception.Severity.Value(f"SEVERITY_{found.severity.value}"),
        left_detail=found.left_detail,
        right_detail=found.right_detail,
        order_id=found.order_id,
        open_time=to_time(case.opened_at),
        last_seen_time=to_time(case.last_seen_at),
        trace_id=found.trace_id,
    )
    if found.currency_code:
        amount = Money(currency_code=found.currency_code, minor_units=found.amount)
        message.amount.CopyFrom(amount)
    if case.resolved_at is not None:
        message.resolve_time.CopyFrom(to_time(case.resolved_at))
    return message


def to_run(run: CheckpointRun) -> RunMessage:
    """A run."""
    counted = run.population
    return RunMessage(
        id=run.id,
        checkpoint=run.checkpoint,
        title=run.title,
        run_time=to_time(run.run_at),
        left_count=counted.left_count,
        right_count=counted.right_count,
        matched_count=counted.matched_count,
        waiting_count=run.waiting_count,
        open_exception_count=run.open_exception_count,
        left_total=to_totals(counted.left_totals),
        right_total=to_totals(counted.right_totals),
    )


def to_totals(totals: Mapping[str, int]) -> list[Money]:
    """Sums by currency."""
    return [
        Money(currency_code=currency, minor_units=amount)
        for currency, amount in sorted(totals.items())
    ]
