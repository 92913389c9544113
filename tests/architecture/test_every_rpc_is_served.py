"""Each rpc is served by exactly one room, from the file named after its service.

A generated servicer answers UNIMPLEMENTED for what nobody wrote, so a forgotten rpc would be found
by the first caller. The name of the file is what a newcomer greps for.
"""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import pkgutil
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from google.protobuf import descriptor_pool
from google.protobuf.descriptor import MethodDescriptor, ServiceDescriptor
from google.protobuf.descriptor_pb2 import MethodOptions
from tandem_contracts import descriptor_image

ROOT = Path(__file__).parents[2]
SERVED_BY_ALL = {
    "tandem.ops.v1.JournalService": "tandem_platform.journal_reader",
    "tandem.ops.v1.OperationsService": "tandem_platform.operations_service",
}
"""Services every deployable serves, from the platform."""

NAMED_OTHERWISE = {
    "SubmitFinanceEvent": "post_finance_events: one use case for calls and deliveries",
    "SubmitFinanceEvents": "post_finance_events: many at once",
    "BatchReserve": "reserve: the batch is many single reservations in one commit",
    "Reserve": "reserve",
    "CreateApiClient": "manage_api_clients: three writes of one small aggregate",
    "RevokeApiClient": "manage_api_clients",
    "ReceiveWebhook": "receive_payload: webhooks and files are stored alike",
    "ReceiveFile": "receive_payload",
    "RejectManualJournal": "reject_adjustment: one refusal for all that people propose",
    "RejectRates": "reject_adjustment",
    "RejectRepost": "reject_adjustment",
    "StreamSignals": "submit_signals: each message of the stream is one submission",
}
"""Write rpcs whose use case has another name, and why."""
ROWS_ONLY = {"PutItems", "PutLocations"}
"""Master data without a rule: the door writes the rows, a use case would only pass them on."""


def snake(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()


def services() -> Iterator[ServiceDescriptor]:
    for file in descriptor_image().file:
        if not file.name.startswith("tandem/") or not file.service:
            continue
        importlib.import_module(file.name.removesuffix(".proto").replace("/", ".") + "_pb2")
        for service in file.service:
            name = f"{file.package}.{service.name}"
            yield descriptor_pool.Default().FindServiceByName(name)


def packages() -> list[str]:
    return sorted(path.name for path in ROOT.glob("services/*/src/tandem_*"))


def servicers() -> dict[str, list[type]]:
    """Classes that serve, by the name of the generated servicer they extend."""
    found: dict[str, list[type]] = {}
    for module in modules():
        for _, cls in inspect.getmembers(module, inspect.isclass):
            if cls.__module__ != module.__name__:
                continue
            for base in cls.__mro__[1:]:
                if base.__module__.startswith("tandem.") and base.__name__.endswith("Servicer"):
                    found.setdefault(f"{base.__module__}.{base.__name__}", []).append(cls)
    return found


def modules() -> Iterator[object]:
    for package in packages():
        name = f"{package}.entrypoints"
        if importlib.util.find_spec(name) is None:
            continue
        for found in pkgutil.iter_modules(importlib.import_module(name).__path__, f"{name}."):
            yield importlib.import_module(found.name)
    for name in SERVED_BY_ALL.values():
        yield importlib.import_module(name)


SERVICES = list(services())
SERVICERS = servicers()


def serving(service: ServiceDescriptor) -> list[type]:
    module = service.file.name.removesuffix(".proto").replace("/", ".") + "_pb2_grpc"
    return SERVICERS.get(f"{module}.{service.name}Servicer", [])


@pytest.mark.parametrize("service", SERVICES, ids=lambda s: s.full_name)
def test_a_service_is_served_in_one_room_from_the_file_of_its_name(
    service: ServiceDescriptor,
) -> None:
    classes = serving(service)
    assert len(classes) == 1, f"{service.full_name} is served by {classes}"
    module = classes[0].__module__
    if service.full_name in SERVED_BY_ALL:
        assert module == SERVED_BY_ALL[service.full_name]
    else:
        assert module.rpartition(".")[2] == f"grpc_{snake(service.name)}"


@pytest.mark.parametrize("service", SERVICES, ids=lambda s: s.full_name)
def test_no_rpc_is_left_to_the_generated_unimplemented(service: ServiceDescriptor) -> None:
    (cls,) = serving(service)
    left = [
        rpc.name
        for rpc in service.methods
        if getattr(cls, rpc.name).__module__.endswith("_pb2_grpc")
    ]
    assert left == []


def writes() -> list[MethodDescriptor]:
    return [
        rpc
        for service in SERVICES
        if service.full_name not in SERVED_BY_ALL
        for rpc in service.methods
        if rpc.GetOptions().idempotency_level != MethodOptions.NO_SIDE_EFFECTS
    ]


@pytest.mark.parametrize("rpc", writes(), ids=lambda rpc: rpc.full_name)
def test_a_write_has_a_use_case_of_its_name_or_a_reason_why_not(rpc: MethodDescriptor) -> None:
    (cls,) = serving(rpc.containing_service)
    package = cls.__module__.partition(".")[0]
    assert importlib.util.find_spec(f"{package}.domain") is not None
    if rpc.name in ROWS_ONLY:
        return
    wanted = snake(rpc.name)
    if rpc.name in NAMED_OTHERWISE:
        wanted = NAMED_OTHERWISE[rpc.name].partition(":")[0]
    found = importlib.util.find_spec(f"{package}.application.{wanted}")
    assert found is not None, f"{package}/application/{wanted}.py is not there"


def test_every_excuse_is_still_needed() -> None:
    assert set(NAMED_OTHERWISE) | ROWS_ONLY <= {rpc.name for rpc in writes()}
