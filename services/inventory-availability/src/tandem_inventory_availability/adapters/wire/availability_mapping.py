"""Questions about availability from messages, and answers as messages."""

from __future__ import annotations

from datetime import timedelta

from tandem.inventory.v1 import availability_service_pb2 as api

from tandem_inventory_availability.adapters.postgres.availability_reads import AvailabilityQuestion
from tandem_inventory_availability.adapters.wire.policy_mapping import from_mode
from tandem_inventory_availability.domain.availability_answer import Answer, Confidence
from tandem_inventory_availability.domain.availability_errors import AvailabilityStale
from tandem_inventory_availability.domain.availability_terms import NetTerms, NodeTerms
from tandem_inventory_availability.domain.stock_position import StockPosition

NEVER_REPORTED = -1
MILLISECOND = timedelta(milliseconds=1)
_CONFIDENCES = {
    Confidence.HIGH: api.Availability.CONFIDENCE_HIGH,
    Confidence.STALE: api.Availability.CONFIDENCE_STALE,
    Confidence.DEGRADED: api.Availability.CONFIDENCE_DEGRADED,
    Confidence.GAP: api.Availability.CONFIDENCE_GAP,
}


def from_question(
    request: api.GetAvailabilityRequest
    | api.BatchGetAvailabilityRequest
    | api.WatchAvailabilityRequest,
    tenant: str,
) -> AvailabilityQuestion:
    """What is asked."""
    return AvailabilityQuestion(
        tenant,
        tuple(request.skus),
        tuple(request.locations),
        tuple(request.groups),
        request.channel,
        from_mode(request.fulfilment_mode),
    )


def to_availability(answer: Answer, *, breakdown: bool = False) -> api.Availability:
    """An answer; with its terms when asked for."""
    message = api.Availability(
        sku=answer.sku,
        location=answer.location,
        available=answer.available,
        position=answer.positions[0].position if len(answer.positions) == 1 else 0,
        source_lag_ms=lag_ms(answer),
        confidence=_CONFIDENCES[answer.confidence],
        priority=answer.priority,
        group=answer.group,
        basis=(api.Availability.BASIS_ON_HAND if answer.available else api.Availability.BASIS_NONE),
        positions=[to_position_version(position) for position in answer.positions],
        components=[
            api.ComponentAvailability(sku=c.sku, ratio=c.ratio, available=c.available)
            for c in answer.components
        ],
    )
    if breakdown and answer.node is not None:
        message.breakdown.CopyFrom(_node(answer.node, answer.channel_limit))
    if breakdown and answer.net is not None:
        message.group_breakdown.CopyFrom(_net(answer.net))
    return message


def mark_stale(
    message: api.Availability, answer: Answer, request: api.GetAvailabilityRequest
) -> None:
    """Marks an answer older than the request accepts. Raises AvailabilityStale if it wants that."""
    if not request.HasField("max_staleness"):
        return
    accepted = request.max_staleness.ToTimedelta()
    if answer.lag is not None and answer.lag <= accepted:
        return
    if request.refuse_stale:
        place = answer.location or answer.group
        raise AvailabilityStale(answer.sku, place, lag_ms(answer))
    message.too_stale = True


def lag_ms(answer: Answer) -> int:
    """Silence of the source in milliseconds."""
    return NEVER_REPORTED if answer.lag is None else answer.lag // MILLISECOND


def to_position_version(position: StockPosition) -> api.PositionVersion:
    """A position and how far it had come."""
    return api.PositionVersion(
        sku=position.key.sku,
        location=position.key.location,
        position=position.position,
        version=position.version,
    )


def _node(terms: NodeTerms, channel_limit: int | None) -> api.AvailabilityBreakdown:
    return api.AvailabilityBreakdown(
        on_hand=terms.on_hand,
        hard=terms.hard,
        soft=terms.soft,
        unsettled=terms.unsettled,
        leased=terms.leased,
        safety=terms.safety,
        haircut=terms.haircut,
        eligible=terms.eligible,
        backordered=terms.backordered,
        channel_limit=channel_limit,
    )


def _net(terms: NetTerms) -> api.GroupBreakdown:
    return api.GroupBreakdown(
        members=sum(member.available for member in terms.members),
        claims=terms.claims,
        deficits=terms.deficits,
        network_safety=terms.network_safety,
    )
