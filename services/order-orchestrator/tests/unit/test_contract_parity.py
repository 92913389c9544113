"""Domain and contracts name the same things."""

from __future__ import annotations

import importlib
import pkgutil
from enum import StrEnum

import pytest
import tandem_order_orchestrator
from tandem.order.v1 import order_pb2 as wire
from tandem_core.errors import DomainError
from tandem_order_orchestrator.adapters.wire import event_mapping
from tandem_order_orchestrator.domain import order_state
from tandem_order_orchestrator.domain.events import OrderEvent
from tandem_platform.error_table import error_entry

for module in pkgutil.walk_packages(
    tandem_order_orchestrator.__path__, "tandem_order_orchestrator."
):
    if ".versions." not in module.name and not module.name.endswith("__main__"):
        importlib.import_module(module.name)


def test_every_event_has_a_message_of_its_name() -> None:
    mapped = event_mapping._MAPPINGS
    assert set(mapped) == set(OrderEvent.__subclasses__())
    from tandem.order.v1 import events_pb2

    assert {event.__name__ for event in mapped} <= set(events_pb2.DESCRIPTOR.message_types_by_name)


def test_every_reason_of_the_package_is_in_a_contract() -> None:
    own = [
        error
        for error in _below(DomainError)
        if error.__module__.startswith("tandem_order_orchestrator")
    ]
    assert own
    assert [error.reason for error in own if error_entry(error.reason) is None] == []


def _below(error: type[DomainError]) -> set[type[DomainError]]:
    found = set(error.__subclasses__())
    return found.union(*(_below(child) for child in found))


@pytest.mark.parametrize(
    ("own", "enum", "prefix"),
    [
        (order_state.OrderState, wire.Order.State, "STATE_"),
        (order_state.OrderKind, wire.Order.Kind, "KIND_"),
        (order_state.PaymentState, wire.PaymentView.State, "STATE_"),
        (order_state.FulfilmentState, wire.Fulfilment.State, "STATE_"),
        (order_state.ReturnState, wire.Return.State, "STATE_"),
        (order_state.Disposition, wire.ReturnDisposition, "RETURN_DISPOSITION_"),
    ],
)
def test_enums_of_domain_and_contract_have_the_same_members(
    own: type[StrEnum], enum: object, prefix: str
) -> None:
    names = {name.removeprefix(prefix) for name in enum.keys()}  # type: ignore[attr-defined]  # noqa: SIM118 - a wrapper, no mapping
    assert names - {"UNSPECIFIED"} == {member.value for member in own}
