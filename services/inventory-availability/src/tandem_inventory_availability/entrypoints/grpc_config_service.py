"""`tandem.inventory.v1.ConfigService`: what the retailer decided about stock."""

from __future__ import annotations

from typing import Any

from sqlalchemy import RowMapping
from tandem.inventory.v1 import config_service_pb2 as api
from tandem.inventory.v1 import config_service_pb2_grpc
from tandem_core.clock import Clock
from tandem_platform.database import Database
from tandem_platform.idempotency import IdempotentWrites
from tandem_platform.pagination import PageTokens, page_size
from tandem_platform.request_context import current_caller
from tandem_platform.timestamps import from_time, to_time
from tandem_platform.unit_of_work import UnitOfWork

from tandem_inventory_availability.adapters.postgres import policy_changes, policy_impact_rows
from tandem_inventory_availability.adapters.postgres.policy_changes import PostgresPolicyStore
from tandem_inventory_availability.adapters.postgres.policy_documents import from_document
from tandem_inventory_availability.adapters.wire.policy_mapping import (
    from_entry,
    from_kind,
    to_entry,
    to_kind,
)
from tandem_inventory_availability.application.put_policies import (
    PolicyPut,
    put_policies,
    weigh_policies,
)
from tandem_inventory_availability.domain.availability_terms import PolicyView
from tandem_inventory_availability.domain.errors import UnsupportedEnum
from tandem_inventory_availability.domain.policy_entries import PolicyEntry, PolicyKind
from tandem_inventory_availability.domain.policy_impact import (
    Change,
    PolicyImpact,
    touched_names,
)

LIST_FILTER = api.ListPoliciesRequest | api.ListPolicyChangesRequest


class ConfigService(config_service_pb2_grpc.ConfigServiceServicer):
    """Maps requests to changes of the configuration."""

    def __init__(
        self, database: Database, writes: IdempotentWrites, clock: Clock, page_tokens: PageTokens
    ) -> None:
        self._database = database
        self._writes = writes
        self._clock = clock
        self._page_tokens = page_tokens

    async def PutPolicies(
        self, request: api.PutPoliciesRequest, context: Any
    ) -> api.PutPoliciesResponse:
        """Replaces schedules, or tells what that would do."""
        change = _from_put(request)
        if request.dry_run:
            return await self._weighed(request, change)

        async def put(uow: UnitOfWork) -> api.PutPoliciesResponse:
            store = PostgresPolicyStore(uow.connection)
            version = await put_policies(store, change, self._clock.now())
            return api.PutPoliciesResponse(version=version)

        return await self._writes.run(request, put)

    async def _weighed(
        self, request: api.PutPoliciesRequest, change: PolicyPut
    ) -> api.PutPoliciesResponse:
        has_time = request.HasField("impact_time")
        now = from_time(request.impact_time) if has_time else self._clock.now()
        async with self._database.transaction() as connection:
            store = PostgresPolicyStore(connection)
            before, after = await weigh_policies(store, change)
            keys = {*change.removed, *(entry.key for entry in change.entries)}
            old = [e for e in (await store.sources(change.tenant)).entries if e.key in keys]
            found = await policy_impact_rows.impact(
                connection,
                change.tenant,
                Change(PolicyView(before, now), PolicyView(after, now)),
                touched_names([*old, *change.entries]),
            )
        return api.PutPoliciesResponse(version=after.version, impact=_impact(found))

    async def ListPolicies(
        self, request: api.ListPoliciesRequest, context: Any
    ) -> api.ListPoliciesResponse:
        """A page of entries in force."""
        rows, tenant = page_size(request.page_size), current_caller().tenant
        after = self._page_tokens.decode(request.page_token, request)
        async with self._database.transaction() as connection:
            found = await policy_changes.current(
                connection, tenant, _filters(request), after, rows + 1
            )
            version = await policy_changes.version_of(connection, tenant)
        token = ""
        if len(found) > rows:
            last = found[rows - 1]
            token = self._page_tokens.encode((last["kind"], last["id"], last["ordinal"]), request)
        return api.ListPoliciesResponse(
            entries=[to_entry(_entry(row)) for row in found[:rows]],
            next_page_token=token,
            version=version,
        )

    async def ListPolicyChanges(
        self, request: api.ListPolicyChangesRequest, context: Any
    ) -> api.ListPolicyChangesResponse:
        """A page of the history."""
        rows, tenant = page_size(request.page_size), current_caller().tenant
        after = self._page_tokens.decode(request.page_token, request)
        async with self._database.transaction() as connection:
            found = await policy_changes.changes(
                connection, tenant, _filters(request), after, rows + 1
            )
        token = ""
        if len(found) > rows:
            last = found[rows - 1]
            place = (-last["version"], last["kind"], last["id"], last["ordinal"])
            token = self._page_tokens.encode(place, request)
        return api.ListPolicyChangesResponse(
            changes=[_change(row) for row in found[:rows]], next_page_token=token
        )


def _from_put(request: api.PutPoliciesRequest) -> PolicyPut:
    caller = current_caller()
    removed = []
    for number, ref in enumerate(request.removed):
        kind = from_kind(ref.kind, f"removed[{number}].kind")
        if kind is None:
            raise UnsupportedEnum(f"removed[{number}].kind", ref.kind)
        removed.append((kind, ref.id))
    return PolicyPut(
        caller.tenant,
        caller.subject,
        tuple(from_entry(e, f"entries[{n}]") for n, e in enumerate(request.entries)),
        tuple(removed),
        request.expected_version,
    )


def _filters(request: LIST_FILTER) -> tuple[str, str]:
    kind = from_kind(request.kind, "kind")
    return (kind.value if kind else ""), request.id


def _entry(row: RowMapping) -> PolicyEntry:
    window = {"since": row["valid_from"], "until": row["valid_until"]}
    return from_document(row["kind"], row["id"], row["content"], window)


def _change(row: RowMapping) -> api.PolicyChange:
    return api.PolicyChange(
        version=row["version"],
        kind=to_kind(PolicyKind(row["kind"])),
        id=row["id"],
        entry=None if row["deleted"] else to_entry(_entry(row)),
        record_time=to_time(row["recorded_at"]),
        actor=row["actor"],
        superseded_by=row["superseded_by"] or 0,
    )


def _impact(found: PolicyImpact) -> api.PolicyImpact:
    return api.PolicyImpact(
        positions=[
            api.PositionImpact(sku=c.sku, location=c.place, before=c.before, after=c.after)
            for c in found.positions
        ],
        groups=[
            api.GroupImpact(sku=c.sku, group=c.place, before=c.before, after=c.after)
            for c in found.groups
        ],
        changed_positions=found.changed,
        change_total=found.change_total,
        examined_positions=found.examined,
        truncated=found.truncated,
    )
