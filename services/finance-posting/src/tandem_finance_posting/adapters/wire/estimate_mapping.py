"""Estimates between wire and domain."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import RowMapping
from tandem.finance.v1 import estimate_pb2 as wire
from tandem.finance.v1 import events_pb2
from tandem_core.errors import FieldViolation, ValidationFailed
from tandem_platform.timestamps import to_time

from tandem_finance_posting.application.estimate_ports import CohortRun, Estimate
from tandem_finance_posting.domain.errors import UnsupportedEnum
from tandem_finance_posting.domain.estimates import (
    Cohort,
    EstimateKind,
    GiftCardCohort,
    LoyaltyCohort,
    ReturnCohort,
)

_KINDS = {
    wire.ESTIMATE_KIND_RETURN_RESERVE: EstimateKind.RETURN_RESERVE,
    wire.ESTIMATE_KIND_BREAKAGE: EstimateKind.BREAKAGE,
    wire.ESTIMATE_KIND_LOYALTY: EstimateKind.LOYALTY,
}


def from_kind(kind: int) -> EstimateKind:
    """The kind. Raises UnsupportedEnum for one newer than this service."""
    if kind not in _KINDS:
        raise UnsupportedEnum("kind", kind)
    return _KINDS[kind]  # type: ignore[index]  # found in the line above


def from_cohorts(cohorts: Iterable[wire.EstimateCohort]) -> list[tuple[str, Cohort]]:
    """Cohorts as sent. Raises ValidationFailed for one without figures."""
    return [(cohort.cohort, _cohort(cohort, n)) for n, cohort in enumerate(cohorts)]


def _cohort(cohort: wire.EstimateCohort, number: int) -> Cohort:
    match cohort.WhichOneof("figures"):
        case "returns":
            given = cohort.returns
            return ReturnCohort(
                sold_revenue=given.sold_revenue_minor,
                sold_cost=given.sold_cost_minor,
                rate_ppm=given.rate_ppm,
                returned_revenue=given.returned_revenue_minor,
                returned_cost=given.returned_cost_minor,
                loss_ppm=given.loss_ppm,
                window_over=given.window_over,
            )
        case "gift_cards":
            cards = cohort.gift_cards
            return GiftCardCohort(
                face=cards.face_minor,
                expected_breakage=cards.expected_breakage_minor,
                redeemed=cards.redeemed_minor,
                entitled=not cards.escheats,
            )
        case "loyalty":
            points = cohort.loyalty
            return LoyaltyCohort(
                allocated=points.allocated_minor,
                expected_points=points.expected_points,
                redeemed_points=points.redeemed_points,
                expired=points.expired,
            )
    raise ValidationFailed([FieldViolation(f"cohorts[{number}].figures", "is required")])


def to_estimate(estimate: Estimate) -> wire.Estimate:
    """A version with its figures."""
    decided = estimate.decided_at
    return wire.Estimate(
        legal_entity=estimate.key.legal_entity,
        kind=wire.EstimateKind.Value(f"ESTIMATE_KIND_{estimate.key.kind.value}"),
        version=estimate.version,
        state=wire.Estimate.State.Value(f"STATE_{estimate.state.value}"),
        currency_code=estimate.currency_code,
        cohorts=[_to_cohort(name, cohort) for name, cohort in sorted(estimate.cohorts.items())],
        content_hash=estimate.content_hash,
        note=estimate.note,
        propose_subject=estimate.proposed_by,
        propose_time=to_time(estimate.proposed_at),
        decide_subject=estimate.decided_by,
        decide_time=to_time(decided) if decided else None,
    )


def _to_cohort(name: str, cohort: Cohort) -> wire.EstimateCohort:
    match cohort:
        case ReturnCohort():
            returns = wire.ReturnFigures(
                sold_revenue_minor=cohort.sold_revenue,
                sold_cost_minor=cohort.sold_cost,
                rate_ppm=cohort.rate_ppm,
                returned_revenue_minor=cohort.returned_revenue,
                returned_cost_minor=cohort.returned_cost,
                loss_ppm=cohort.loss_ppm,
                window_over=cohort.window_over,
            )
            return wire.EstimateCohort(cohort=name, returns=returns)
        case GiftCardCohort():
            cards = wire.GiftCardFigures(
                face_minor=cohort.face,
                expected_breakage_minor=cohort.expected_breakage,
                redeemed_minor=cohort.redeemed,
                escheats=not cohort.entitled,
            )
            return wire.EstimateCohort(cohort=name, gift_cards=cards)
        case LoyaltyCohort():
            points = wire.LoyaltyFigures(
                allocated_minor=cohort.allocated,
                expected_points=cohort.expected_points,
                redeemed_points=cohort.redeemed_points,
                expired=cohort.expired,
            )
            return wire.EstimateCohort(cohort=name, loyalty=points)


def to_run(run: CohortRun) -> wire.EstimateRun:
    """What a run did with one cohort."""
    return wire.EstimateRun(
        cohort=run.cohort,
        target_minor=run.target.liability,
        target_asset_minor=run.target.asset,
        change_minor=run.change.liability,
        change_asset_minor=run.change.asset,
        event_key=run.event_key,
    )


def to_trued_up(estimate: Estimate, run: CohortRun) -> events_pb2.EstimateTruedUp:
    """The event of a run that posted something."""
    return events_pb2.EstimateTruedUp(
        legal_entity=estimate.key.legal_entity,
        kind=wire.EstimateKind.Value(f"ESTIMATE_KIND_{estimate.key.kind.value}"),
        run=to_run(run),
        version=estimate.version,
        currency_code=estimate.currency_code,
    )


def to_posted(row: RowMapping) -> wire.PostedCohort:
    """What is in the books of a cohort."""
    return wire.PostedCohort(
        cohort=row["cohort"],
        currency_code=row["currency_code"],
        posted_minor=row["liability_minor"],
        posted_asset_minor=row["asset_minor"],
        runs=row["runs"],
        run_time=to_time(row["run_at"]),
    )
