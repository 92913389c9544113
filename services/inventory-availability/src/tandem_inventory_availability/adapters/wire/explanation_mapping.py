"""Explanations, past states and differences as messages."""

from __future__ import annotations

from sqlalchemy import RowMapping
from tandem.inventory.v1 import availability_service_pb2 as api
from tandem.inventory.v1 import stock_position_pb2 as wire
from tandem_platform.timestamps import from_time, to_time

from tandem_inventory_availability.adapters.postgres.as_of_reads import PositionState
from tandem_inventory_availability.adapters.postgres.claim_rows import Claim
from tandem_inventory_availability.adapters.wire.stock_mapping import to_bucket
from tandem_inventory_availability.domain.explanation import Term
from tandem_inventory_availability.domain.repairing import Difference
from tandem_inventory_availability.domain.stock_position import Bucket, StockKey, StockPosition


def from_state(state: PositionState, key: StockKey) -> StockPosition:
    """The position of a past event, with what availability rests on."""
    message = state.position
    has_source, has_stale = message.HasField("source_time"), message.HasField("stale_time")
    return StockPosition(
        key,
        {Bucket.SELLABLE: message.on_hand},
        hard=message.hard_reserved,
        soft=message.soft_reserved,
        unsettled=message.unsettled,
        leased=message.leased,
        backordered=message.backordered,
        position=message.position,
        version=state.version,
        gap=message.gap,
        source_at=from_time(message.source_time) if has_source else None,
        stale_at=from_time(message.stale_time) if has_stale else None,
        in_conflict=message.in_conflict,
    )


def to_term(term: Term) -> api.AvailabilityTerm:
    """A term."""
    return api.AvailabilityTerm(
        name=term.name,
        units=term.units,
        place=term.place,
        rule_id=term.rule,
        detail=term.detail,
    )


def to_claim(claim: Claim) -> api.ClaimRef:
    """Units claimed by a reservation."""
    return api.ClaimRef(
        reservation_id=claim.reservation_id,
        state=claim.state,
        quantity=claim.quantity,
        unsettled=claim.unsettled,
    )


def to_difference(found: Difference) -> api.IntegrityDifference:
    """A figure that is not the sum of its parts."""
    return api.IntegrityDifference(
        sku=found.sku,
        location=found.location,
        group=found.group,
        supply_line_id=found.supply_line_id,
        figure=found.figure,
        projected=found.projected,
        derived=found.derived,
    )


def ledger_entry(row: RowMapping) -> wire.LedgerEntry:
    """A ledger entry of a row."""
    return wire.LedgerEntry(
        position=row["position"],
        sku=row["sku"],
        location=row["location"],
        from_bucket=to_bucket(Bucket(row["from_bucket"])),
        to_bucket=to_bucket(Bucket(row["to_bucket"])),
        quantity=row["quantity"],
        cause=row["cause"],
        reference=row["reference"],
        effective_time=to_time(row["effective_at"]),
        record_time=to_time(row["recorded_at"]),
    )
