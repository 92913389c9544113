"""Conflict cases and what is told of them, as messages."""

from __future__ import annotations

from collections.abc import Iterator

from google.protobuf.message import Message
from tandem.inventory.v1 import conflict_case_pb2 as wire
from tandem.inventory.v1 import events_pb2
from tandem_platform.timestamps import to_time

from tandem_inventory_availability.adapters.wire.allocation_mapping import Recorded
from tandem_inventory_availability.domain.conflict_case import ConflictCase, Resolution, Victim
from tandem_inventory_availability.domain.stock_book import CaseStep, StockBook


def to_conflict(case: ConflictCase) -> wire.ConflictCase:
    """A case as it stands."""
    return wire.ConflictCase(
        id=case.id,
        sku=case.scope.sku,
        location=case.scope.location,
        group=case.scope.group,
        cause=wire.ConflictCase.Cause.Value(f"CAUSE_{case.cause.value}"),
        state=wire.ConflictCase.State.Value(f"STATE_{case.state.value}"),
        deficit_quantity=case.deficit,
        deficit_quantity_max=case.deficit_max,
        victims=[_victim(victim) for victim in case.victims],
        break_time=to_time(case.break_at) if case.break_at else None,
        resolutions=[to_resolution(step) for step in case.resolutions],
        assignee=case.assignee,
        open_time=to_time(case.opened_at),
        close_time=to_time(case.closed_at) if case.closed_at else None,
        version=case.version,
        channels=case.channels,
        count_request_time=to_time(case.count_asked_at) if case.count_asked_at else None,
    )


def _victim(victim: Victim) -> wire.ConflictVictim:
    return wire.ConflictVictim(
        reservation_id=victim.reservation_id,
        line_id=victim.line_id,
        owner=victim.owner,
        channel=victim.channel,
        quantity=victim.quantity,
        need_by_time=to_time(victim.need_by) if victim.need_by else None,
        soft=victim.soft,
        supply_line_id=victim.waits_for,
    )


def to_resolution(step: Resolution) -> wire.ConflictResolution:
    """A proposed step."""
    return wire.ConflictResolution(
        number=step.number,
        kind=wire.ConflictResolution.Kind.Value(f"KIND_{step.kind.value}"),
        target=step.target,
        quantity=step.quantity,
        deficit_after=step.deficit_after,
        automatic=step.automatic,
        needs_approval=step.needs_approval,
        explanation=step.explanation,
        reservation_id=step.reservation_id,
        line_id=step.line_id,
    )


def events_of(book: StockBook) -> Iterator[Recorded]:
    """What is told of cases that a batch changed."""
    for step in book.case_steps:
        case = step.case
        aggregate = ("conflict_case", case.id, case.version)
        yield _event(step), aggregate, (case.scope.tenant, step.origin)


def _event(step: CaseStep) -> Message:
    conflict = to_conflict(step.case)
    if step.cause == "OPENED":
        return events_pb2.ConflictOpened(conflict=conflict)
    if step.cause == "PROPOSED":
        return events_pb2.ConflictProposed(conflict=conflict)
    if step.cause == "APPLIED" and step.note.resolution is not None:
        return events_pb2.ConflictApplied(
            conflict=conflict,
            resolution=to_resolution(step.note.resolution),
            approvers=[person for person in step.note.approvers if person],
            reason=step.note.reason,
        )
    if step.cause == "RESOLVED":
        return events_pb2.ConflictResolved(conflict=conflict)
    if step.cause == "ESCALATED":
        return events_pb2.ConflictEscalated(conflict=conflict, reason=step.note.reason)
    return events_pb2.ConflictUpdated(conflict=conflict)
