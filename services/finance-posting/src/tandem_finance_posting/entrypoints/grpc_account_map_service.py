"""`tandem.finance.v1.AccountMapService`: how roles become accounts of the ERP."""

from __future__ import annotations

from typing import Any

from tandem.finance.v1 import account_map_service_pb2 as api
from tandem.finance.v1 import account_map_service_pb2_grpc
from tandem_core.clock import Clock
from tandem_platform.database import Database
from tandem_platform.idempotency import IdempotentWrites
from tandem_platform.pagination import PageTokens, page_size
from tandem_platform.request_context import current_caller
from tandem_platform.unit_of_work import UnitOfWork

from tandem_finance_posting.adapters.postgres import account_map_rows
from tandem_finance_posting.adapters.postgres.account_map_rows import PostgresAccountMaps
from tandem_finance_posting.adapters.wire.account_map_mapping import (
    from_entries,
    from_families,
    to_entry,
    to_head,
    to_map,
)
from tandem_finance_posting.adapters.wire.draft_mapping import day
from tandem_finance_posting.application.account_map_ports import MapVersion
from tandem_finance_posting.application.approve_account_map import ApproveAccountMap
from tandem_finance_posting.application.propose_account_map import ProposeAccountMap
from tandem_finance_posting.application.reject_account_map import RejectAccountMap
from tandem_finance_posting.domain.account_map import Place, Unmapped


class AccountMapService(account_map_service_pb2_grpc.AccountMapServiceServicer):
    """Maps requests to versions of the map."""

    def __init__(
        self, database: Database, writes: IdempotentWrites, clock: Clock, page_tokens: PageTokens
    ) -> None:
        self._database = database
        self._writes = writes
        self._clock = clock
        self._page_tokens = page_tokens

    async def GetAccountMap(
        self, request: api.GetAccountMapRequest, context: Any
    ) -> api.GetAccountMapResponse:
        """A version, or the one in force."""
        return api.GetAccountMapResponse(account_map=to_map(await self._version(request.version)))

    async def ListAccountMaps(
        self, request: api.ListAccountMapsRequest, context: Any
    ) -> api.ListAccountMapsResponse:
        """A page of versions."""
        rows, tenant = page_size(request.page_size), current_caller().tenant
        after = self._page_tokens.decode(request.page_token, request)
        async with self._database.transaction() as connection:
            found = await account_map_rows.map_versions(
                connection, tenant, int(after[0]) if after else None, rows + 1
            )
        token = ""
        if len(found) > rows:
            token = self._page_tokens.encode((found[rows - 1]["version"],), request)
        return api.ListAccountMapsResponse(
            account_maps=[to_head(row) for row in found[:rows]], next_page_token=token
        )

    async def ProposeAccountMap(
        self, request: api.ProposeAccountMapRequest, context: Any
    ) -> api.ProposeAccountMapResponse:
        """A new map that waits for a second person."""
        caller = current_caller()
        command = ProposeAccountMap(
            tenant=caller.tenant,
            subject=caller.subject,
            entries=from_entries(request.entries),
            families=from_families(request.families),
            base_version=request.base_version,
            note=request.note,
        )

        async def effect(uow: UnitOfWork) -> api.ProposeAccountMapResponse:
            made = await command.carry_out(PostgresAccountMaps(uow), self._clock.now())
            return api.ProposeAccountMapResponse(account_map=to_map(made))

        return await self._writes.run(request, effect)

    async def ApproveAccountMap(
        self, request: api.ApproveAccountMapRequest, context: Any
    ) -> api.ApproveAccountMapResponse:
        """A proposed map comes into force."""
        caller = current_caller()
        command = ApproveAccountMap(
            caller.tenant, caller.subject, request.version, request.content_hash, request.note
        )

        async def effect(uow: UnitOfWork) -> api.ApproveAccountMapResponse:
            made = await command.carry_out(PostgresAccountMaps(uow), self._clock.now())
            return api.ApproveAccountMapResponse(account_map=to_map(made))

        return await self._writes.run(request, effect)

    async def RejectAccountMap(
        self, request: api.RejectAccountMapRequest, context: Any
    ) -> api.RejectAccountMapResponse:
        """A proposed map is refused."""
        caller = current_caller()
        command = RejectAccountMap(caller.tenant, caller.subject, request.version, request.note)

        async def effect(uow: UnitOfWork) -> api.RejectAccountMapResponse:
            made = await command.carry_out(PostgresAccountMaps(uow), self._clock.now())
            return api.RejectAccountMapResponse(account_map=to_map(made))

        return await self._writes.run(request, effect)

    async def ResolveAccount(
        self, request: api.ResolveAccountRequest, context: Any
    ) -> api.ResolveAccountResponse:
        """The account of a line."""
        place = Place(
            request.legal_entity,
            request.book,
            request.role,
            dict(request.dimensions),
            day("accounting_date", request.accounting_date),
        )
        account_map = (await self._version(request.version)).map
        found = account_map.account(place)
        if isinstance(found, Unmapped):
            return api.ResolveAccountResponse(hint=found.hint, version=account_map.version)
        return api.ResolveAccountResponse(
            segments=dict(found.segments), version=account_map.version, entry=to_entry(found.entry)
        )

    async def _version(self, version: int) -> MapVersion:
        tenant = current_caller().tenant
        async with self._database.transaction() as connection:
            if version:
                return await account_map_rows.map_version(connection, tenant, version)
            return await account_map_rows.map_in_force(connection, tenant)
