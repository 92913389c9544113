"""What becomes of webhooks: one order however often told, nothing of a forged one."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest
from tandem_connectors.application import translate_documents
from tandem_core.clock import FixedClock
from tandem_platform.remote_error import RemoteError

from .runtime_under_test import (
    PREVIOUS_SECRET,
    SHOP,
    STORES,
    Crash,
    Running,
    an_order,
    running_connectors,
    webhook,
)

ORDER = ("OrderPlaced", "shop|1", 1)


async def test_the_same_webhook_ten_times_at_once_is_one_document_and_one_order(
    connectors: Running,
) -> None:
    answers = await asyncio.gather(
        *(connectors.ingress.ReceiveWebhook(webhook(an_order())) for _ in range(10))
    )
    await connectors.translate_all()
    assert len({answer.document.id for answer in answers}) == 1
    assert sorted(answer.duplicate for answer in answers) == [False] + [True] * 9
    assert await connectors.states() == [("TRANSLATED", "", "")]
    assert await connectors.events() == [ORDER]


async def test_one_event_delivered_by_two_hooks_is_one_document(connectors: Running) -> None:
    first = webhook(an_order(), delivery="a", event="same")
    second = webhook(an_order(), delivery="b", event="same")
    one, two = [await connectors.ingress.ReceiveWebhook(hook) for hook in (first, second)]
    assert (two.duplicate, two.document.id) == (True, one.document.id)


async def test_an_order_told_again_by_another_event_is_still_one_order(
    connectors: Running,
) -> None:
    for delivery in ("a", "b"):
        await connectors.ingress.ReceiveWebhook(webhook(an_order(), delivery=delivery))
    await connectors.translate_all()
    assert await connectors.events() == [ORDER]
    assert [state for state, _, _ in await connectors.states()] == ["TRANSLATED"] * 2


async def test_an_order_told_differently_is_parked_and_the_first_one_stands(
    connectors: Running,
) -> None:
    await connectors.ingress.ReceiveWebhook(webhook(an_order(), delivery="a"))
    changed = an_order(total_price="99.00")
    await connectors.ingress.ReceiveWebhook(webhook(changed, delivery="b"))
    await connectors.translate_all()
    assert await connectors.events() == [ORDER]
    assert ("PARKED", "DELIVERY_CONFLICT", "order-placed|1") in await connectors.states()


async def test_a_delivery_id_used_for_another_body_is_refused(connectors: Running) -> None:
    await connectors.ingress.ReceiveWebhook(webhook(an_order(1)))
    with pytest.raises(RemoteError) as caught:
        await connectors.ingress.ReceiveWebhook(webhook(an_order(2)))
    assert caught.value.reason == "DELIVERY_CONFLICT"
    assert len(await connectors.states()) == 1


async def test_a_wrong_signature_stores_nothing(connectors: Running) -> None:
    with pytest.raises(RemoteError) as caught:
        await connectors.ingress.ReceiveWebhook(webhook(an_order(), secret=b"guessed"))
    assert caught.value.reason == "WEBHOOK_SIGNATURE_INVALID"
    assert await connectors.states() == []


async def test_the_secret_being_rotated_out_still_opens(connectors: Running) -> None:
    hook = webhook(an_order(), secret=PREVIOUS_SECRET)
    assert not (await connectors.ingress.ReceiveWebhook(hook)).duplicate


@pytest.mark.parametrize("connection", ["nowhere", STORES])
async def test_a_connection_without_webhooks_is_not_told_from_none(
    connectors: Running, connection: str
) -> None:
    hook = webhook(an_order())
    hook.connection_id = connection
    with pytest.raises(RemoteError) as caught:
        await connectors.ingress.ReceiveWebhook(hook)
    assert caught.value.reason == "CONNECTION_UNKNOWN"


async def test_an_order_and_its_refund_keep_their_order_in_one_aggregate(
    connectors: Running,
) -> None:
    refund = b"""{"id": 7, "order_id": 1, "created_at": "2026-03-03T09:00:00Z", "transactions":
        [{"kind": "refund", "status": "success", "amount": "5.00", "currency": "USD"}]}"""
    await connectors.ingress.ReceiveWebhook(webhook(an_order()))
    hook = webhook(refund, delivery="r", topic="refunds/create")
    await connectors.ingress.ReceiveWebhook(hook)
    await connectors.translate_all()
    assert await connectors.events() == [ORDER, ("RefundReported", "shop|1", 2)]


async def test_what_the_contract_refuses_parks_the_document_and_names_the_field(
    connectors: Running,
) -> None:
    line = {"id": 11, "sku": "S" * 101, "quantity": 2, "price": "10.00"}
    await connectors.ingress.ReceiveWebhook(webhook(an_order(line_items=[line])))
    await connectors.translate_all()
    assert await connectors.states() == [("PARKED", "VALIDATION_FAILED", "order.lines[0].sku")]
    assert await connectors.events() == []


async def test_a_bad_document_never_holds_up_its_neighbours(connectors: Running) -> None:
    for number in range(1, 8):
        body = b"{" if number == 4 else an_order(number)
        await connectors.ingress.ReceiveWebhook(webhook(body, delivery=f"d{number}"))
    await connectors.translate_all()
    assert len(await connectors.events()) == 6
    assert ("PARKED", "DOCUMENT_MALFORMED", "") in await connectors.states()


@pytest.mark.parametrize("odd", ["\x00", "\ud800", "A\x00B"])
async def test_characters_no_store_can_hold_park_one_document_by_its_field(
    connectors: Running, odd: str
) -> None:
    line = {"id": 11, "sku": odd, "quantity": 2, "price": "10.00"}
    await connectors.ingress.ReceiveWebhook(webhook(an_order(1, line_items=[line])))
    await connectors.ingress.ReceiveWebhook(webhook(an_order(2), delivery="d2"))
    await connectors.translate_all()
    assert ("PARKED", "DOCUMENT_FIELD_INVALID", "line_items[0].sku") in await connectors.states()
    assert await connectors.events() == [("OrderPlaced", "shop|2", 1)]


async def test_what_only_the_store_refuses_parks_one_document_and_no_neighbour(
    connectors: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(1, 8):
        hook = webhook(an_order(number), delivery=f"d{number}")
        await connectors.ingress.ReceiveWebhook(hook)
    honest = translate_documents.content_hash
    monkeypatch.setattr(
        translate_documents,
        "content_hash",
        lambda event: "\x00" if event.aggregate_key == "4" else honest(event),
    )
    await connectors.translate_all()
    assert len(await connectors.events()) == 6
    assert sorted(state for state, _, _ in await connectors.states()) == [
        "PARKED",
        *["TRANSLATED"] * 6,
    ]


async def test_a_test_order_is_ignored_and_says_so(connectors: Running) -> None:
    await connectors.ingress.ReceiveWebhook(webhook(an_order(test=True)))
    await connectors.translate_all()
    assert await connectors.states() == [("IGNORED", "", "")]
    assert await connectors.events() == []


@pytest.mark.parametrize(
    "point",
    [
        "connectors.documents_claimed",
        "connectors.documents_translated",
        "connectors.translation_committed",
    ],
)
async def test_a_crash_while_translating_loses_and_doubles_nothing(
    connectors: Running, point: str
) -> None:
    await connectors.ingress.ReceiveWebhook(webhook(an_order()))
    connectors.crash.armed = {point}
    with pytest.raises(Crash):
        await connectors.translate_all()
    await connectors.translate_all()
    assert await connectors.events() == [ORDER]
    assert await connectors.states() == [("TRANSLATED", "", "")]


async def test_two_replicas_translate_each_document_once(
    migrated_database: Callable[[str], str], clock: FixedClock
) -> None:
    url = migrated_database("tandem_connectors")
    async with running_connectors(url, clock) as one, running_connectors(url, clock) as other:
        for number in range(1, 101):
            hook = webhook(an_order(number), delivery=f"d{number}")
            await one.ingress.ReceiveWebhook(hook)
        await asyncio.gather(one.translate_all(), other.translate_all())
        assert len(await one.events()) == 100
        assert {state for state, _, _ in await one.states()} == {"TRANSLATED"}


async def test_two_replicas_told_the_same_order_at_once_place_it_once(
    migrated_database: Callable[[str], str], clock: FixedClock
) -> None:
    url = migrated_database("tandem_connectors")
    async with running_connectors(url, clock) as one, running_connectors(url, clock) as other:
        for number in range(60):
            hook = webhook(an_order(1 + number % 5), delivery=f"d{number}")
            await one.ingress.ReceiveWebhook(hook)
        await asyncio.gather(*(side.translate_all() for side in (one, other) * 3))
        assert len(await one.events()) == 5


async def test_a_webhook_belongs_to_the_tenant_of_its_connection(
    migrated_database: Callable[[str], str], clock: FixedClock
) -> None:
    url = migrated_database("tandem_connectors")
    async with running_connectors(url, clock, shop="other-tenant") as connectors:
        await connectors.ingress.ReceiveWebhook(webhook(an_order()))
        await connectors.translate_all()
        rows = await connectors.rows("SELECT tenant, agg_id FROM event_journal")
        assert [tuple(row) for row in rows] == [("other-tenant", f"{SHOP}|1")]
