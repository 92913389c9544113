"""A receipt of supply as one act, also when the process dies in the middle of it.

Goal: line, stock and claims change together or not at all, and a repeat is done once. Left out:
races of receipts, which the component tests cover.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from tandem.inventory.v1 import reservation_pb2
from tandem.inventory.v1 import supply_line_pb2 as wire
from tandem.inventory.v1 import supply_service_pb2 as api
from tandem.inventory.v1.supply_service_pb2_grpc import SupplyServiceStub
from tandem_platform.grpc_client import ServiceChannel
from tandem_platform.internal_token import TokenSigner
from tandem_platform.remote_error import RemoteError
from tandem_platform.settings import ServiceSettings
from tandem_testing.grpc_wire import CLIENT, caller

from ..component.stock_under_test import DC, TEE, at, line, new_id, reserve_request
from .test_inventory_process import NAME, Suite, eventually
from .test_inventory_process import suite as suite  # a fixture

STATE = """
    SELECT (SELECT open || '/' || pegged || '/' || received FROM supply_line) || ' '
        || (SELECT on_hand || '/' || hard FROM stock_position) || ' '
        || (SELECT COALESCE(lines->0->>'pegged', '0') FROM reservation) || ' '
        || (SELECT count(*) FROM ledger_entry)
"""


async def test_a_crash_in_a_receipt_leaves_nothing_and_a_repeat_is_done_once(suite: Suite) -> None:
    """Seen to fail with the rows committed before the answer is kept."""
    channel = ServiceChannel(
        ServiceSettings(service_name=CLIENT, peers={NAME: f"127.0.0.1:{suite.process.port}"}),
        NAME,
        identity=caller,
        signer=TokenSigner(CLIENT, suite.process.private),
    )
    supply = SupplyServiceStub(channel)
    # The first pass is the line's own making.
    suite.process.start("inventory.after_supply:kill:2")
    await suite.catalogue()
    told = api.SupplyLineInput(
        id="PO-1",
        sku=TEE,
        location=DC,
        kind=wire.SupplyLine.KIND_PURCHASE_ORDER,
        open_quantity=10,
        expected_time=at(datetime.now(UTC) + timedelta(days=2)),
    )
    await supply.UpsertSupplyLines(api.UpsertSupplyLinesRequest(request_id=new_id(), lines=[told]))
    wanted = reserve_request(line(TEE, 4))
    wanted.mode = reservation_pb2.RESERVE_MODE_FILL_OR_PEG
    await suite.reservations.Reserve(wanted)
    before = await suite.value(STATE)
    assert before == "10/4/0 0/0 4 0"
    receipt = api.ReceiveSupplyRequest(
        request_id=new_id(), supply_line_id="PO-1", receipt_ref="GR-1", quantity=10
    )
    with pytest.raises(RemoteError):
        await supply.ReceiveSupply(receipt, timeout=10)

    async def gone() -> bool:
        return suite.process.died()

    await eventually(gone)
    assert await suite.value(STATE) == before
    suite.process.start()
    await suite.catalogue()
    # This channel has a connection of its own, which may still rest after its failures.
    await channel.channel_ready()
    for _ in range(2):
        done = await supply.ReceiveSupply(receipt, timeout=10)
        assert done.supply_line.state == wire.SupplyLine.STATE_RECEIVED
    assert await suite.value(STATE) == "0/0/10 10/4 0 1"
    await channel.close()
