"""From an order to goods that left, over the real wire, bus and database."""

from __future__ import annotations

import asyncio

import pytest
from tandem.order.v1 import fulfilment_service_pb2 as fulfilment
from tandem.order.v1 import order_service_pb2 as api
from tandem.order.v1.order_pb2 import Order, PaymentView
from tandem_platform.remote_error import RemoteError

from ..order_service_under_test import Running, draft, eventually, id_of, line, new_id, stamp


def shipment(order: Order, ref: str = "ship-1", location: str = "DC-1", **lines: int) -> object:
    return fulfilment.ConfirmShipmentRequest(
        request_id=new_id(),
        order_id=order.id,
        location=location,
        shipment_ref=ref,
        ship_time=stamp(),
        lines=[
            fulfilment.FulfilmentLineQuantity(line_ref=name.lstrip("_"), quantity=quantity)
            for name, quantity in lines.items()
        ],
    )


async def test_an_order_is_reserved_paid_shipped_and_completed(service: Running) -> None:
    order = await service.submit(draft("1001"))
    assert order.state == Order.STATE_RESERVED
    assert service.stock.available("MUG", "DC-1") == 8
    due = await service.due(order.id, "AUTHORISE")
    assert due["amount"]["minorUnits"] == "2660"
    await service.pay(order.id, "AUTHORISE", "CAPTURE")
    released = await service.reaches(order.id, "RELEASED")
    assert released.payment.captured.minor_units == 2660
    await service.fulfilments.ConfirmShipment(shipment(released))
    done = await service.reaches(order.id, "COMPLETED")
    assert service.stock.settled == [(order.id, "ship-1")]
    assert done.version == 10
    assert await service.events(order.id) == [
        "OrderAccepted",
        "OrderReserved",
        "PaymentDue",
        "PaymentAuthorised",
        "PaymentDue",
        "PaymentCaptured",
        "FulfilmentReleased",
        "FulfilmentShipped",
        "OrderCompleted",
    ][: done.version]
