"""The catalogue of error reasons and the code agree."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator

import pytest
from google.protobuf.descriptor_pb2 import EnumDescriptorProto
from tandem_contracts import descriptor_image
from tandem_core.errors import DomainError
from tandem_platform.error_table import error_entries

ROOMS = (
    "tandem_core",
    "tandem_platform",
    "tandem_connector_sdk",
    "tandem_inventory_availability",
    "tandem_order_orchestrator",
    "tandem_finance_posting",
    "tandem_reconciliation",
    "tandem_gateway",
    "tandem_connectors",
)
PLATFORM = "tandem_platform"
ANSWERED_BY_OTHERS = {"StockRefused"}
"""Carries the reason another service answered, so it has none of its own."""


def domain_errors() -> Iterator[type[DomainError]]:
    for room in ROOMS:
        package = importlib.import_module(room)
        for module in pkgutil.walk_packages(package.__path__, f"{room}."):
            wanted = "error" in module.name or ".domain" in module.name or room == PLATFORM
            if wanted and not module.name.endswith(("__main__", "alembic_env.env")):
                importlib.import_module(module.name)
    yield from _subclasses(DomainError)


def _subclasses(base: type[DomainError]) -> Iterator[type[DomainError]]:
    for cls in base.__subclasses__():
        yield cls
        yield from _subclasses(cls)


def reason_enums() -> Iterator[tuple[str, EnumDescriptorProto]]:
    for file in descriptor_image().file:
        for enum in file.enum_type:
            if enum.name == "ErrorReason":
                yield file.package, enum


def test_every_error_the_code_raises_is_in_the_catalogue() -> None:
    known = set(error_entries())
    unknown = {
        f"{cls.__module__}.{cls.__name__}: {cls.reason}"
        for cls in domain_errors()
        if cls.__name__ not in ANSWERED_BY_OTHERS
        and "reason" in vars(cls)
        and cls.__module__.startswith("tandem_")
        and getattr(cls, "reason", None) not in known
    }
    assert unknown == set()


def test_a_reason_is_unique_over_all_areas() -> None:
    names = [value.name for _, enum in reason_enums() for value in enum.value if value.number]
    assert len(names) == len(set(names))


@pytest.mark.parametrize(
    ("package", "enum"), list(reason_enums()), ids=[package for package, _ in reason_enums()]
)
def test_every_reason_says_how_it_travels(package: str, enum: EnumDescriptorProto) -> None:
    entries = error_entries()
    for value in enum.value:
        if value.number:
            entry = entries[value.name.removeprefix("ERROR_REASON_")]
            assert entry.title, f"{package} {value.name} has no title"
            assert 400 <= entry.http_status < 600
