"""What a caller of an rpc on its way out is told."""

from __future__ import annotations

from tandem.options.v1 import rpc_pb2
from tandem_gateway.entrypoints.rest.rpc_endpoint import deprecation_headers


def test_a_current_rpc_says_nothing() -> None:
    assert deprecation_headers(rpc_pb2.Deprecation()) == {}


def test_a_deprecated_rpc_names_its_two_dates() -> None:
    headers = deprecation_headers(rpc_pb2.Deprecation(since="2026-01-01", sunset="2026-07-01"))
    assert headers == {
        "Deprecation": "@1767225600",
        "Sunset": "Wed, 01 Jul 2026 00:00:00 GMT",
    }
