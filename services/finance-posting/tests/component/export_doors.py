"""Account map and export over a real socket, for two persons."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from typing import Any

import pytest
from tandem.finance.v1 import export_batch_pb2 as wire
from tandem.finance.v1 import export_service_pb2 as api
from tandem.finance.v1.account_map_service_pb2_grpc import AccountMapServiceStub
from tandem.finance.v1.export_service_pb2_grpc import ExportServiceStub
from tandem_core.ids import Uuid7Factory
from tandem_platform.remote_error import RemoteError
from tandem_testing.eventually import eventually

from .doors_under_test import TwoPersons, two_persons

IDS = Uuid7Factory()
MAIN = {"legal_entity": "US01", "book": "MAIN"}


@dataclass
class Doors:
    """The services, called by two persons."""

    books: TwoPersons
    exports: ExportServiceStub
    maps: AccountMapServiceStub
    maps_of_checker: AccountMapServiceStub

    async def build(self, **rest: Any) -> api.BuildExportBatchResponse:
        request = api.BuildExportBatchRequest(request_id=IDS.new_id(), **{**MAIN, **rest})
        return await self.exports.BuildExportBatch(request)

    async def seal(self, batch_id: str) -> wire.ExportBatch:
        request = api.SealExportBatchRequest(request_id=IDS.new_id(), batch_id=batch_id)
        return (await self.exports.SealExportBatch(request)).batch

    async def send(self, batch_id: str) -> wire.ExportBatch:
        request = api.SendExportBatchRequest(request_id=IDS.new_id(), batch_id=batch_id)
        return (await self.exports.SendExportBatch(request)).batch

    async def probe(self, batch_id: str) -> wire.ExportBatch:
        request = api.ProbeExportRequest(request_id=IDS.new_id(), batch_id=batch_id)
        return (await self.exports.ProbeExport(request)).batch

    async def ack(self, batch_id: str, *acks: api.JournalAck, ref: str = "") -> wire.ExportBatch:
        request = api.RecordAckRequest(
            request_id=IDS.new_id(), batch_id=batch_id, acks=acks, erp_ref=ref
        )
        return (await self.exports.RecordAck(request)).batch

    async def get(self, batch_id: str) -> wire.ExportBatch:
        request = api.GetExportBatchRequest(batch_id=batch_id)
        return (await self.exports.GetExportBatch(request)).batch

    async def journal_ids(self, batch_id: str) -> list[str]:
        sql = f"SELECT journal_id::text FROM export_member WHERE batch_id = '{batch_id}' ORDER BY 1"
        return [row[0] for row in await self.books.rows(sql)]

    async def becomes(self, batch_id: str, state: int) -> None:
        async def seen() -> int:
            return (await self.get(batch_id)).state

        await eventually(seen, state)


Opened = Callable[..., AbstractAsyncContextManager[Doors]]


@pytest.fixture
def opened(migrated_database: Callable[[str], str]) -> Opened:
    """Opens the services with settings of export; nothing goes by itself unless asked for."""

    @asynccontextmanager
    async def opened_with(**settings: Any) -> AsyncIterator[Doors]:
        fields = {"export_auto": False, "export_interval_s": 0.05, "export_batch_s": 0, **settings}
        async with two_persons(migrated_database("tandem_finance_posting"), **fields) as both:
            yield Doors(
                both, ExportServiceStub(both.maker), AccountMapServiceStub(both.maker),
                AccountMapServiceStub(both.checker),
            )  # fmt: skip

    return opened_with


@pytest.fixture
async def doors(opened: Opened) -> AsyncIterator[Doors]:
    async with opened() as doors:
        yield doors


def refused(error: Any) -> tuple[str, dict[str, str]]:
    found: RemoteError = error.value
    return found.reason, dict(found.metadata)
