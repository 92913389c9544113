"""The port of stock on one open unit of work.

Locks are taken in one order everywhere: sources, owners, positions, reservations, each sorted.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from google.protobuf.message import Message
from tandem.inventory.v1 import events_pb2
from tandem_platform.event_journal import event_from
from tandem_platform.unit_of_work import UnitOfWork

from tandem_inventory_availability.adapters.postgres import (
    allocation_rows,
    availability_rows,
    batch_rows,
    conflict_rows,
    group_rows,
    lease_rows,
    reservation_rows,
    signal_row_writes,
    stock_rows,
    supply_rows,
)
from tandem_inventory_availability.adapters.wire import allocation_mapping, conflict_mapping
from tandem_inventory_availability.adapters.wire.level_mapping import URGENT, to_level_event
from tandem_inventory_availability.adapters.wire.reservation_mapping import to_reservation
from tandem_inventory_availability.adapters.wire.stock_mapping import (
    to_bucket,
    to_ledger_entry,
    to_stock_position,
)
from tandem_inventory_availability.adapters.wire.supply_mapping import to_supply_event
from tandem_inventory_availability.application.ports import Needs
from tandem_inventory_availability.domain.availability_levels import LevelChange, judge
from tandem_inventory_availability.domain.errors import InsufficientStock
from tandem_inventory_availability.domain.reserving import MADE
from tandem_inventory_availability.domain.stock_book import ReservationStep, StockBook
from tandem_inventory_availability.domain.stock_position import Bucket, StockPosition


class PostgresStockTransaction:
    """Stock's rows in one unit of work."""

    def __init__(self, unit: UnitOfWork) -> None:
        self._unit = unit

    async def open(self, needs: Sequence[Needs], now: datetime) -> StockBook:
        """The rows of a batch of commands."""
        book = StockBook(now)
        await batch_rows.open_batch(self._unit.connection, book, needs)
        return book

    async def store(self, book: StockBook) -> None:
        """Writes the changes of commands."""
        connection = self._unit.connection
        # First, for a case that opens or ends changes its position.
        await conflict_rows.note(connection, book)
        positions = [book.positions[key] for key in book.changed]
        for position in positions:
            position.version += 1
        levels = [
            change
            for position in positions
            if (change := judge(position, book.policy(position.key.tenant), book.now))
        ]
        await stock_rows.save_positions(connection, positions, book.now)
        latest = {(s.reservation.owner.tenant, s.reservation.id): s.reservation for s in book.steps}
        await group_rows.save(connection, [book.group_claims[key] for key in book.changed_groups])
        await supply_rows.save(connection, book)
        await allocation_rows.save(connection, book)
        await lease_rows.save(connection, book)
        await conflict_rows.save(connection, book)
        await reservation_rows.save_reservations(connection, latest.values())
        evidence = [book.evidence[key] for key in sorted(book.changed_evidence)]
        await reservation_rows.save_evidence(connection, evidence)
        await reservation_rows.save_booked(connection, book.newly_booked)
        for position in positions:
            self._record_position(position, book.changed[position.key], book.now)
        for level in levels:
            self._record_level(level, book.changed[level.key], book.now)
        for step in book.steps:
            self._record_step(step, book.now)
        told = (*allocation_mapping.events_of(book), *conflict_mapping.events_of(book))
        for message, aggregate, asked in told:
            self._record(message, aggregate, asked, book.now)
        await self._ask_for_counts(book)
        for moved in book.supply_steps:
            aggregate = ("supply_line", moved.line.id, moved.line.version)
            asked = (moved.line.key.tenant, moved.origin)
            self._record(to_supply_event(moved), aggregate, asked, book.now)

    async def _ask_for_counts(self, book: StockBook) -> None:
        wanted = [(key, Bucket.SELLABLE, reason) for key, reason in sorted(book.recounts.items())]
        asked = await signal_row_writes.ask_for_counts(self._unit.connection, wanted, book.now)
        for tenant, request_id, sku, location, state, reason in asked:
            message = events_pb2.StockCountRequested(
                sku=sku, location=location, state=to_bucket(Bucket(state)), reason=reason
            )
            aggregate = ("count_request", request_id, 1)
            self._record(message, aggregate, (tenant, book.origin), book.now)

    async def offer_alternatives(self, refused: Sequence[InsufficientStock], now: datetime) -> None:
        """One query for all shortages of the batch."""
        wanted = {(error.tenant, short.sku) for error in refused for short in error.shorts}
        found = await availability_rows.alternatives(self._unit.connection, wanted, now)
        for error in refused:
            error.offer(availability_rows.best_of(found, error))

    def _record_position(
        self, position: StockPosition, origin: Mapping[str, str], now: datetime
    ) -> None:
        message = events_pb2.StockPositionChanged(
            stock_position=to_stock_position(position),
            ledger_entries=[to_ledger_entry(entry, now) for entry in position.entries],
        )
        key = position.key
        aggregate = ("stock_position", f"{key.sku}|{key.location}", position.version)
        self._record(message, aggregate, (key.tenant, origin), now)

    def _record_level(self, change: LevelChange, origin: Mapping[str, str], now: datetime) -> None:
        self._unit.record(
            event_from(
                to_level_event(change),
                aggregate_type="availability_level",
                aggregate_id=f"{change.key.sku}|{change.key.location}",
                aggregate_version=change.version,
                occurred_at=now,
                tenant=change.key.tenant,
                partition_key=URGENT,
                origin=origin,
            )
        )

    def _record_step(self, step: ReservationStep, now: datetime) -> None:
        reservation = to_reservation(step.reservation)
        message: Message
        if step.cause == MADE:
            message = events_pb2.ReservationMade(reservation=reservation)
        else:
            message = events_pb2.ReservationChanged(reservation=reservation, cause=step.cause)
        aggregate = ("reservation", step.reservation.id, step.reservation.version)
        self._record(message, aggregate, (step.reservation.owner.tenant, step.origin), now)

    def _record(
        self,
        message: Message,
        aggregate: tuple[str, str, int],
        asked: tuple[str, Mapping[str, str]],
        now: datetime,
    ) -> None:
        kind, aggregate_id, version = aggregate
        tenant, origin = asked
        self._unit.record(
            event_from(
                message,
                aggregate_type=kind,
                aggregate_id=aggregate_id,
                aggregate_version=version,
                occurred_at=now,
                tenant=tenant,
                origin=origin,
            )
        )
