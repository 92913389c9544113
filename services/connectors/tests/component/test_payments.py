"""Payment commands: each has one effect at the provider, whatever dies or is lost on the way."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tandem.connector.v1 import connection_service_pb2, events_pb2
from tandem_connector_payment_simulator.server.process import ProviderProcess
from tandem_connector_sdk.models import PaymentAction, PaymentCommand
from tandem_connectors.application.carry_out_payments import CLAIM_SECONDS
from tandem_connectors.domain.errors import ConnectionUnknown
from tandem_core.money import Money

from .runtime_under_test import PROVIDER, Crash, Running, authorise

ONCE = (1, 2000)


async def _completed(paying: Running) -> list[events_pb2.PaymentCompleted]:
    rows = await paying.rows("SELECT payload FROM event_journal WHERE agg_type = 'payment_command'")
    return [events_pb2.PaymentCompleted.FromString(bytes(row[0])) for row in rows]


async def _commands(paying: Running) -> list[tuple[str, int, bool]]:
    rows = await paying.rows("SELECT state, attempts, uncertain FROM outbound_command")
    return [(row[0], row[1], row[2]) for row in rows]


async def test_what_is_due_is_asked_once_and_its_answer_told_once(
    paying: Running, provider: ProviderProcess
) -> None:
    for _ in range(3):
        await paying.queue_payment(authorise())
        await paying.pay_due()
    (told,) = await _completed(paying)
    assert (told.command_id, told.outcome) == ("cmd-1", events_pb2.PAYMENT_OUTCOME_SUCCEEDED)
    assert told.provider_ref.startswith("auth_")
    assert provider.totals() == {("authorisation", "succeeded"): ONCE}


async def test_a_lost_reply_on_capture_does_not_capture_twice(
    paying: Running, provider: ProviderProcess
) -> None:
    await paying.queue_payment(authorise())
    await paying.pay_due()
    ref = (await _completed(paying))[0].provider_ref
    capture = PaymentCommand("cmd-2", "order-1", PaymentAction.CAPTURE, Money("USD", 2000), ref)
    provider.admin("faults", fault="lose_reply", action="capture")
    await paying.queue_payment(capture)
    await paying.pay_due()
    assert len(await _completed(paying)) == 1, "nobody knows yet"
    paying.clock.advance(1)
    await paying.pay_due()
    told = {event.command_id: event for event in await _completed(paying)}
    assert told["cmd-2"].outcome == events_pb2.PAYMENT_OUTCOME_SUCCEEDED
    assert paying.pushed == ["cmd-1", "cmd-2"], "it was looked up, not asked again"
    assert provider.totals()[("capture", "succeeded")] == ONCE


@pytest.mark.parametrize(
    "point",
    [
        "connectors.payment_before_push",
        "connectors.payment_answered",
        "connectors.payment_before_commit",
    ],
)
async def test_a_crash_around_the_call_has_one_effect_and_one_answer(
    paying: Running, provider: ProviderProcess, point: str
) -> None:
    await paying.queue_payment(authorise())
    paying.crash.armed = {point}
    with pytest.raises(Crash):
        await paying.pay_due()
    await paying.pay_due()
    assert await _commands(paying) == [("PENDING", 1, True)], "the claim still holds"
    paying.clock.advance(CLAIM_SECONDS + 1)
    await paying.pay_due()
    assert len(await _completed(paying)) == 1
    assert paying.pushed == ["cmd-1"]
    assert provider.totals() == {("authorisation", "succeeded"): ONCE}


async def test_a_restarted_replica_takes_its_own_claims_up_at_once(
    paying: Running, provider: ProviderProcess
) -> None:
    await paying.queue_payment(authorise())
    paying.crash.armed = {"connectors.payment_answered"}
    with pytest.raises(Crash):
        await paying.pay_due()
    await paying.transactions.release_own_claims()
    await paying.pay_due()
    assert len(await _completed(paying)) == 1
    assert provider.totals() == {("authorisation", "succeeded"): ONCE}


@pytest.mark.parametrize(("fault", "uncertain"), [("rate_limit", False), ("server_error", True)])
async def test_a_refused_call_waits_and_is_made_again(
    paying: Running, provider: ProviderProcess, fault: str, uncertain: bool
) -> None:
    provider.admin("faults", fault=fault, action="authorisation")
    await paying.queue_payment(authorise())
    await paying.pay_due()
    await paying.pay_due()
    assert await _commands(paying) == [("PENDING", 1, uncertain)], "not before its time"
    paying.clock.advance(2)
    await paying.pay_due()
    assert len(await _completed(paying)) == 1
    assert provider.totals() == {("authorisation", "succeeded"): ONCE}


async def test_a_decline_is_told_with_its_reason(
    paying: Running, provider: ProviderProcess
) -> None:
    provider.admin("faults", fault="decline", action="authorisation")
    await paying.queue_payment(authorise())
    await paying.pay_due()
    (told,) = await _completed(paying)
    assert told.outcome == events_pb2.PAYMENT_OUTCOME_DECLINED
    assert (told.decline_reason, told.provider_ref) == ("do_not_honour", "")


async def test_a_command_the_provider_cannot_take_is_declined_not_repeated(
    paying: Running, provider: ProviderProcess
) -> None:
    nothing = replace(authorise(), amount=Money("USD", 0))
    await paying.queue_payment(nothing)
    await paying.pay_due()
    (told,) = await _completed(paying)
    assert (told.outcome, told.decline_reason) == (
        events_pb2.PAYMENT_OUTCOME_DECLINED,
        "HTTP_400",
    )


async def test_a_provider_that_is_down_is_shown_and_recovers(
    paying: Running, provider: ProviderProcess
) -> None:
    provider.stop()
    await paying.queue_payment(authorise())
    await paying.pay_due()
    shown = await _connection(paying)
    assert (shown.healthy, shown.pending_commands) == (False, 1)
    assert "TemporarilyUnavailable" in shown.detail
    provider.start()
    paying.clock.advance(60)
    await paying.pay_due()
    shown = await _connection(paying)
    assert (shown.healthy, shown.pending_commands) == (True, 0)


async def test_a_command_older_than_allowed_is_given_up_and_shown(
    paying: Running, provider: ProviderProcess
) -> None:
    provider.stop()
    await paying.queue_payment(authorise())
    paying.clock.advance(73 * 3600)
    await paying.pay_due()
    assert [state for state, _, _ in await _commands(paying)] == ["PARKED"]
    assert not (await _connection(paying)).healthy
    assert await _completed(paying) == []


async def test_a_tenant_without_a_provider_is_refused_by_name(paying: Running) -> None:
    async with paying.transactions() as transaction:
        with pytest.raises(ConnectionUnknown):
            await paying.queue.handle(
                transaction, "poor-tenant", "card", authorise(), (paying.clock.now(), {})
            )


async def _connection(paying: Running) -> connection_service_pb2.Connection:
    request = connection_service_pb2.ListConnectionsRequest()
    listed = await paying.connections.ListConnections(request)
    (found,) = [item for item in listed.connections if item.id == PROVIDER]
    return found


async def test_connections_come_in_pages_with_what_they_can(paying: Running) -> None:
    first = await paying.connections.ListConnections(
        connection_service_pb2.ListConnectionsRequest(page_size=3)
    )
    second = await paying.connections.ListConnections(
        connection_service_pb2.ListConnectionsRequest(page_size=3, page_token=first.next_page_token)
    )
    ids = [item.id for item in (*first.connections, *second.connections)]
    assert ids == sorted(ids)
    assert len(ids) == 4
    assert second.next_page_token == ""
    shop = next(item for item in first.connections if item.id == "shop")
    assert shop.capabilities == ["webhook:orders/create", "webhook:refunds/create"]
