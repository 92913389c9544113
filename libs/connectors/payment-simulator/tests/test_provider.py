"""The client against the real server, in its own process, with every fault it can commit."""

import signal
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from tandem_connector_payment_simulator.client import PaymentSimulatorClient
from tandem_connector_payment_simulator.plugin import plugin
from tandem_connector_payment_simulator.server.process import ProviderProcess
from tandem_connector_sdk.documents import SecretSet, TranslationContext
from tandem_connector_sdk.errors import (
    NotAuthorized,
    OutcomeUnknown,
    RateLimited,
    TemporarilyUnavailable,
)
from tandem_connector_sdk.models import PaymentAction, PaymentCommand, PaymentOutcome
from tandem_connector_sdk.plugin import Link
from tandem_core.money import Money
from tandem_testing.child_process import free_port

KEY = "simulator-key-of-the-tests"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ProviderProcess]:
    """A running provider with nothing in it."""
    running = ProviderProcess(tmp_path, free_port(), KEY)
    running.start()
    yield running
    running.stop(signal.SIGKILL)


def _open(server: ProviderProcess, key: str = KEY) -> PaymentSimulatorClient:
    link = Link("psp", {"base_url": server.url}, SecretSet((key.encode(),)))
    assert plugin.open_client is not None
    client = plugin.open_client(link)
    assert isinstance(client, PaymentSimulatorClient)
    return client


@pytest.fixture
async def client(server: ProviderProcess) -> AsyncIterator[PaymentSimulatorClient]:
    """A client of it."""
    opened = _open(server)
    yield opened
    await opened.close()


AUTHORISE = PaymentCommand("cmd-1", "order-1", PaymentAction.AUTHORISE, Money("USD", 1000))


async def _authorise(client: PaymentSimulatorClient) -> str:
    return (await client.push(AUTHORISE, 5)).provider_ref


def _capture(ref: str, value: int = 1000, command_id: str = "cmd-2") -> PaymentCommand:
    money = Money("USD", value)
    return PaymentCommand(command_id, "order-1", PaymentAction.CAPTURE, money, ref)


async def test_money_goes_from_authorisation_to_capture_to_refund(
    server: ProviderProcess, client: PaymentSimulatorClient
) -> None:
    captured = await client.push(_capture(await _authorise(client)), 5)
    assert (captured.outcome, captured.amount) == (PaymentOutcome.SUCCEEDED, Money("USD", 1000))
    refund = PaymentCommand(
        "cmd-3", "order-1", PaymentAction.REFUND, Money("USD", 300), captured.provider_ref
    )
    assert (await client.push(refund, 5)).outcome is PaymentOutcome.SUCCEEDED
    too_much = replace(refund, command_id="cmd-4", amount=Money("USD", 701))
    refused = await client.push(too_much, 5)
    assert (refused.outcome, refused.decline_reason) == (
        PaymentOutcome.DECLINED,
        "exceeds_capture",
    )
    assert server.totals()[("refund", "succeeded")] == (1, 300)


async def test_a_voided_authorisation_cannot_be_captured(client: PaymentSimulatorClient) -> None:
    ref = await _authorise(client)
    void = PaymentCommand("cmd-v", "order-1", PaymentAction.VOID, Money("USD", 1000), ref)
    assert (await client.push(void, 5)).outcome is PaymentOutcome.SUCCEEDED
    assert (await client.push(_capture(ref), 5)).decline_reason == "voided"


async def test_more_than_authorised_is_never_captured(client: PaymentSimulatorClient) -> None:
    ref = await _authorise(client)
    assert (await client.push(_capture(ref, 600, "a"), 5)).outcome is PaymentOutcome.SUCCEEDED
    assert (await client.push(_capture(ref, 401, "b"), 5)).decline_reason == "exceeds_authorisation"
    assert (await client.push(_capture(ref, 400, "c"), 5)).outcome is PaymentOutcome.SUCCEEDED


async def test_asking_ten_times_captures_once(
    server: ProviderProcess, client: PaymentSimulatorClient
) -> None:
    capture = _capture(await _authorise(client))
    refs = {(await client.push(capture, 5)).provider_ref for _ in range(10)}
    assert len(refs) == 1
    assert server.totals()[("capture", "succeeded")] == (1, 1000)


async def test_a_lost_reply_is_an_unknown_outcome_that_can_be_looked_up(
    server: ProviderProcess, client: PaymentSimulatorClient
) -> None:
    capture = _capture(await _authorise(client))
    server.admin("faults", fault="lose_reply", action="capture")
    with pytest.raises(OutcomeUnknown) as caught:
        await client.push(capture, 5)
    assert caught.value.reference == "cmd-2"
    found = await client.find(capture)
    assert found is not None
    assert found.outcome is PaymentOutcome.SUCCEEDED
    assert await client.find(_capture("auth_0000000001", command_id="never-sent")) is None
    assert server.totals()[("capture", "succeeded")] == (1, 1000)


@pytest.mark.parametrize(
    ("fault", "expected", "done"),
    [
        ("rate_limit", RateLimited, False),
        ("server_error", OutcomeUnknown, False),
        ("delay", OutcomeUnknown, True),
    ],
)
async def test_every_fault_surfaces_as_what_to_do_about_it(
    server: ProviderProcess,
    client: PaymentSimulatorClient,
    fault: str,
    expected: type[Exception],
    done: bool,
) -> None:
    server.admin("faults", fault=fault, action="authorisation", seconds=1)
    with pytest.raises(expected):
        await client.push(AUTHORISE, 0.3)
    if not done:
        assert await client.find(AUTHORISE) is None
    assert (await client.push(AUTHORISE, 5)).outcome is PaymentOutcome.SUCCEEDED
    assert server.totals()[("authorisation", "succeeded")] == (1, 1000)


async def test_a_decline_is_an_answer_and_stays_one(
    server: ProviderProcess, client: PaymentSimulatorClient
) -> None:
    server.admin("faults", fault="decline", action="authorisation")
    for _ in range(2):
        result = await client.push(AUTHORISE, 5)
        assert (result.outcome, result.decline_reason) == (
            PaymentOutcome.DECLINED,
            "do_not_honour",
        )


async def test_movements_come_in_pages_that_resume_and_repeat(
    server: ProviderProcess, client: PaymentSimulatorClient
) -> None:
    for value in (1, 2, 3, 4, 5):
        server.admin("captures", amount={"currency": "USD", "value": value})
    cursor, values = None, []
    for _ in range(3):
        page = await client.page("transactions", cursor, 2)
        again = await client.page("transactions", cursor, 2)
        assert page == again
        for document in page.documents:
            translated = plugin.translator_for("transactions").translate(
                document, TranslationContext("psp")
            )
            values += [event.amount.minor_units for event in translated.events]  # type: ignore[union-attr]  # only one type comes here
        cursor = page.next_cursor
    assert values == [1, 2, 3, 4, 5]
    assert not page.more
    empty = await client.page("transactions", cursor, 2)
    assert (empty.documents, empty.next_cursor, empty.more) == ((), cursor, False)


async def test_a_killed_provider_knows_everything_afterwards(
    server: ProviderProcess, client: PaymentSimulatorClient
) -> None:
    capture = _capture(await _authorise(client))
    first = await client.push(capture, 5)
    server.stop(signal.SIGKILL)
    with pytest.raises(TemporarilyUnavailable):
        await client.find(capture)
    server.start()
    assert await client.find(capture) == first
    assert await client.push(capture, 5) == first


async def test_a_wrong_key_is_not_authorized(server: ProviderProcess) -> None:
    stranger = _open(server, "wrong")
    with pytest.raises(NotAuthorized):
        await stranger.push(AUTHORISE, 5)
    await stranger.close()


def test_a_planted_capture_with_a_wrong_amount_names_the_field(server: ProviderProcess) -> None:
    reply = server.admin("captures", amount={"currency": "USD", "value": -1})
    assert (reply.status_code, reply.json()["field"]) == (400, "amount.value")
    reply = server.admin("captures", amount={"currency": "EUX", "value": 1})
    assert (reply.status_code, reply.json()["error"]) == (400, "currency_unknown")
