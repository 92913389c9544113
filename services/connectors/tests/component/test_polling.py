"""The provider's list of movements: every one told once, whatever dies between pages."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest
from tandem.connector.v1 import events_pb2
from tandem_connector_payment_simulator.server.process import ProviderProcess
from tandem_connectors.application import poll_provider
from tandem_core.clock import FixedClock

from .runtime_under_test import Crash, Running, running_connectors


async def _told(paying: Running) -> list[int]:
    rows = await paying.rows(
        "SELECT payload FROM event_journal WHERE agg_type = 'provider_transaction'"
    )
    read = events_pb2.ProviderTransactionReported.FromString
    return sorted(read(bytes(row[0])).amount.minor_units for row in rows)


def _plant(provider: ProviderProcess, *values: int) -> None:
    for value in values:
        provider.admin("captures", amount={"currency": "USD", "value": value})


async def _poll(paying: Running) -> None:
    assert paying.poll is not None
    await paying.poll.round()


async def test_a_capture_nobody_ordered_is_told(paying: Running, provider: ProviderProcess) -> None:
    _plant(provider, 700)
    await _poll(paying)
    await _poll(paying)
    assert await _told(paying) == [700]


async def test_pages_are_read_on_until_there_are_no_more(
    paying: Running, provider: ProviderProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(poll_provider, "PAGE_ROWS_MAX", 2)
    _plant(provider, 1, 2, 3, 4, 5)
    await _poll(paying)
    assert await _told(paying) == [1, 2, 3, 4, 5]
    _plant(provider, 6)
    await _poll(paying)
    assert await _told(paying) == [1, 2, 3, 4, 5, 6]


async def test_a_crash_between_pages_loses_and_doubles_nothing(
    paying: Running, provider: ProviderProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(poll_provider, "PAGE_ROWS_MAX", 2)
    _plant(provider, 1, 2, 3, 4, 5)
    for _ in range(2):
        paying.crash.armed = {"connectors.page_before_commit"}
        with pytest.raises(Crash):
            await _poll(paying)
    await _poll(paying)
    assert await _told(paying) == [1, 2, 3, 4, 5]


async def test_two_replicas_polling_at_once_tell_each_movement_once(
    migrated_database: Callable[[str], str], clock: FixedClock, provider: ProviderProcess
) -> None:
    url = migrated_database("tandem_connectors")
    _plant(provider, *range(1, 30))
    async with (
        running_connectors(url, clock, provider.url) as one,
        running_connectors(url, clock, provider.url) as other,
    ):
        await asyncio.gather(*(_poll(side) for side in (one, other) * 3))
        assert await _told(one) == list(range(1, 30))


async def test_a_provider_that_is_down_stops_no_round(
    paying: Running, provider: ProviderProcess
) -> None:
    provider.stop()
    await _poll(paying)
    provider.start()
    _plant(provider, 9)
    await _poll(paying)
    assert await _told(paying) == [9]
