"""Rpcs about why a figure is what it is, what it was, and what to do when it is wrong."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection
from tandem.inventory.v1 import availability_service_pb2 as api
from tandem_core.errors import FieldViolation, NotFound, ValidationFailed
from tandem_platform.request_context import current_caller
from tandem_platform.timestamps import from_time, to_time
from tandem_platform.unit_of_work import UnitOfWork

from tandem_inventory_availability.adapters.postgres import as_of_reads, claim_rows, repair_rows
from tandem_inventory_availability.adapters.postgres.as_of_reads import PositionState
from tandem_inventory_availability.adapters.postgres.availability_reads import (
    AvailabilityQuestion,
)
from tandem_inventory_availability.adapters.postgres.policy_rows import policy_then
from tandem_inventory_availability.adapters.repair_store import PostgresRepairStore
from tandem_inventory_availability.adapters.wire.availability_mapping import (
    to_position_version,
)
from tandem_inventory_availability.adapters.wire.explanation_mapping import (
    from_state,
    ledger_entry,
    to_claim,
    to_difference,
    to_term,
)
from tandem_inventory_availability.adapters.wire.policy_mapping import from_mode
from tandem_inventory_availability.application.approve_repair import approve_repair
from tandem_inventory_availability.application.repair_projection import repair_projection
from tandem_inventory_availability.domain.availability_answer import Answer, StockView
from tandem_inventory_availability.domain.availability_terms import PolicyView
from tandem_inventory_availability.domain.explanation import explain
from tandem_inventory_availability.domain.repairing import Difference, Repair
from tandem_inventory_availability.domain.stock_position import StockKey
from tandem_inventory_availability.entrypoints.availability_parts import AvailabilityParts

LEDGER_ENTRIES_MAX = 20


class AvailabilityHistoryRpcs:
    """Explanations, past states, repairs."""

    _parts: AvailabilityParts

    async def ExplainAvailability(
        self, request: api.ExplainAvailabilityRequest, context: Any
    ) -> api.ExplainAvailabilityResponse:
        """Terms that add up to a figure."""
        if bool(request.location) == bool(request.group):
            raise ValidationFailed([FieldViolation("location", "either this or a group", "one")])
        if request.HasField("as_of"):
            return await self._explain_past(request)
        asked = AvailabilityQuestion(
            current_caller().tenant,
            [request.sku],
            [request.location] if request.location else [],
            [request.group] if request.group else [],
            request.channel,
            from_mode(request.fulfilment_mode),
        )
        now = self._parts.clock.now()
        async with self._parts.database.transaction() as connection:
            stock = await self._parts.reads.stock_view(connection, asked, now)
            answer = (
                stock.at_location(request.sku, request.location)
                if request.location
                else stock.of_group(request.sku, request.group)
            )
            if answer is None:
                place = request.location or request.group
                raise NotFound("stock position", f"{request.sku}|{place}")
            found = await self._explained(connection, answer, stock.view)
            keys = [position.key for position in answer.positions]
            claims = await claim_rows.claims(connection, asked.tenant, keys)
            found.claims.extend(to_claim(claim) for claim in claims)
        return found

    async def _explain_past(
        self, request: api.ExplainAvailabilityRequest
    ) -> api.ExplainAvailabilityResponse:
        if request.group or request.channel:
            raise ValidationFailed([FieldViolation("as_of", "is of locations only", "location")])
        tenant = current_caller().tenant
        key = StockKey(tenant, request.sku, request.location)
        async with self._parts.database.transaction() as connection:
            state, at = await self._state(connection, key, request.as_of)
            policy = await policy_then(connection, tenant, at)
            position = from_state(state, key)
            view = PolicyView(policy, at, from_mode(request.fulfilment_mode))
            stock = StockView(view, {key.sku: {key.location: position}})
            answer = stock.at_location(key.sku, key.location)
            if answer is None:
                raise NotFound("stock position", f"{key.sku}|{key.location}")
            return await self._explained(connection, answer, view)

    async def _explained(
        self, connection: AsyncConnection, answer: Answer, view: PolicyView
    ) -> api.ExplainAvailabilityResponse:
        entries = await claim_rows.newest_entries(connection, answer.positions, LEDGER_ENTRIES_MAX)
        return api.ExplainAvailabilityResponse(
            available=answer.available,
            terms=[to_term(term) for term in explain(answer, view)],
            as_of_time=to_time(view.now),
            positions=[to_position_version(position) for position in answer.positions],
            ledger_entries=[ledger_entry(row) for row in entries],
            policy_version=view.policy.version,
        )

    async def GetPositionAsOf(
        self, request: api.GetPositionAsOfRequest, context: Any
    ) -> api.GetPositionAsOfResponse:
        """A past state."""
        key = StockKey(current_caller().tenant, request.sku, request.location)
        async with self._parts.database.transaction() as connection:
            state, _ = await self._state(connection, key, request.as_of)
        return api.GetPositionAsOfResponse(
            stock_position=state.position,
            version=state.version,
            since_time=to_time(state.since),
        )

    async def _state(
        self, connection: AsyncConnection, key: StockKey, as_of: api.StateAsOf
    ) -> tuple[PositionState, datetime]:
        which = as_of.WhichOneof("as_of")
        if which == "time":
            at = from_time(as_of.time)
            found = await as_of_reads.at_time(connection, key, at)
        elif which == "position":
            found = await as_of_reads.at_position(connection, key, as_of.position)
        else:
            found = await as_of_reads.at_version(connection, key, as_of.version)
        if found is None:
            raise NotFound("state of stock position", f"{key.sku}|{key.location}")
        return found, (at if which == "time" else found.since)

    async def RepairProjection(
        self, request: api.RepairProjectionRequest, context: Any
    ) -> api.RepairProjectionResponse:
        """Asks for figures to be written anew."""
        caller, now = current_caller(), self._parts.clock.now()
        if request.dry_run:
            async with self._parts.database.transaction() as connection:
                found = await repair_rows.differences(
                    connection, caller.tenant, request.sku, request.location
                )
            return api.RepairProjectionResponse(differences=_differences(found))
        wanted = Repair(
            self._parts.ids.new_id(),
            caller.tenant,
            request.sku,
            request.location,
            request.reason,
            caller.subject,
            now,
        )

        async def ask(uow: UnitOfWork) -> api.RepairProjectionResponse:
            found = await repair_projection(PostgresRepairStore(uow, now), wanted)
            return api.RepairProjectionResponse(
                repair_id=wanted.id if found else "", differences=_differences(found)
            )

        return await self._parts.writes.run(request, ask)

    async def ApproveRepair(
        self, request: api.ApproveRepairRequest, context: Any
    ) -> api.ApproveRepairResponse:
        """Carries a repair out."""
        caller = current_caller()

        async def approve(uow: UnitOfWork) -> api.ApproveRepairResponse:
            store = PostgresRepairStore(uow, self._parts.clock.now())
            changed = await approve_repair(store, caller.tenant, request.repair_id, caller.subject)
            return api.ApproveRepairResponse(differences=_differences(changed))

        return await self._parts.writes.run(request, approve)


def _differences(found: Sequence[Difference]) -> list[api.IntegrityDifference]:
    return [to_difference(difference) for difference in found]
