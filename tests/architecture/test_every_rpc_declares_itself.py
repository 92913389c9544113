"""Each rpc says who may call it, how often, whether it can be repeated, and how lists page."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from buf.validate import validate_pb2
from google.api import annotations_pb2
from google.protobuf import descriptor_pool
from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.descriptor_pb2 import MethodOptions
from tandem.options.v1 import rpc_pb2
from tandem_contracts import descriptor_image

DELIVERY_NAMES_ITSELF = {"ReceiveWebhook", "ReceiveFile"}
"""Their repeats are named by the source's delivery id or the file's content, not by us."""
BATCH_NAMES_EACH = {"BatchReserve"}


def rpcs() -> Iterator[MethodDescriptor]:
    pool = descriptor_pool.Default()
    for file in descriptor_image().file:
        if not file.name.startswith("tandem/"):
            continue
        for service in file.service:
            found = pool.FindServiceByName(f"{file.package}.{service.name}")
            yield from found.methods


def all_rpcs() -> list[MethodDescriptor]:
    import importlib

    for file in descriptor_image().file:
        if file.name.startswith("tandem/"):
            importlib.import_module(file.name.removesuffix(".proto").replace("/", ".") + "_pb2")
    return list(rpcs())


RPCS = all_rpcs()
IDS = [rpc.full_name for rpc in RPCS]


def reads(rpc: MethodDescriptor) -> bool:
    return rpc.GetOptions().idempotency_level == MethodOptions.NO_SIDE_EFFECTS


def test_there_are_rpcs_in_every_area() -> None:
    areas = {name.split(".")[1] for name in IDS}
    assert areas >= {"inventory", "order", "finance", "reconciliation", "connector", "ops"}


@pytest.mark.parametrize("rpc", RPCS, ids=IDS)
def test_rpc_has_scopes_and_rate_class(rpc: MethodDescriptor) -> None:
    declared = rpc.GetOptions().Extensions[rpc_pb2.rpc]
    assert declared.scopes, "default deny: an rpc without scopes can never be called"
    assert declared.rate_class != rpc_pb2.RATE_CLASS_UNSPECIFIED


@pytest.mark.parametrize("rpc", RPCS, ids=IDS)
def test_rpc_is_a_read_or_a_repeatable_write(rpc: MethodDescriptor) -> None:
    level = rpc.GetOptions().idempotency_level
    assert level in (MethodOptions.NO_SIDE_EFFECTS, MethodOptions.IDEMPOTENT)


@pytest.mark.parametrize("rpc", [r for r in RPCS if not reads(r)], ids=lambda r: r.full_name)
def test_write_carries_a_request_id_that_must_be_a_uuid(rpc: MethodDescriptor) -> None:
    if rpc.name in DELIVERY_NAMES_ITSELF:
        return
    message = rpc.input_type
    if rpc.name in BATCH_NAMES_EACH:
        message = message.fields_by_name["requests"].message_type
    field = message.fields_by_name["request_id"]
    rules = field.GetOptions().Extensions[validate_pb2.field]
    assert rules.string.uuid


@pytest.mark.parametrize("rpc", [r for r in RPCS if r.name.startswith("List")], ids=str)
def test_list_pages_from_day_one(rpc: MethodDescriptor) -> None:
    assert {"page_size", "page_token"} <= set(rpc.input_type.fields_by_name)
    assert "next_page_token" in rpc.output_type.fields_by_name
    assert rpc.output_type.fields[0].is_repeated


@pytest.mark.parametrize("rpc", RPCS, ids=IDS)
def test_only_public_rpcs_have_a_rest_route(rpc: MethodDescriptor) -> None:
    public = rpc.GetOptions().Extensions[rpc_pb2.rpc].public
    routed = rpc.GetOptions().HasExtension(annotations_pb2.http)
    assert public == routed
