"""Posting anew under new rules: approved by another, generation by generation, costs as stamped."""

from __future__ import annotations

import pytest
from tandem.finance.v1 import adjustment_pb2 as wire
from tandem.finance.v1 import adjustment_service_pb2 as api
from tandem_finance_posting.application import propose_repost

from .books_under_test import Books
from .people import IDS, Person, asked
from .test_adjustments import RECEIPT, SHIPMENT, post
from .test_rpcs_of_the_books import refusal
from .test_rule_sets import approval, compare, propose, source

DAYS = {"from_date": "2026-03-01", "to_date": "2026-03-31"}


async def new_rules(maker: Person, checker: Person) -> None:
    """From here on a capture is a reserve of the provider."""
    version = await propose(maker.rules, source(clearing="PSP_RESERVE"))
    await compare(maker.rules)
    await checker.rules.ApproveRuleSet(approval(version))


async def proposed(maker: Person, event_type: str = "payment.captured") -> wire.Adjustment:
    what = wire.RepostRange(legal_entity="US01", event_type=event_type, **DAYS)
    request = api.ProposeRepostRequest(
        request_id=IDS.new_id(), repost_range=what, reason="new chart of accounts"
    )
    return (await maker.adjustments.ProposeRepost(request)).adjustment


async def test_events_are_taken_back_and_posted_as_the_next_generation(
    open_books: Books, maker: Person, checker: Person
) -> None:
    await post(open_books, "payment.captured", {"amount": 500}, "c1", order_id="o1")
    await new_rules(maker, checker)
    asked_for = await proposed(maker)
    assert asked_for.repost_range.event_count == 1
    own = asked(api.ApproveRepostRequest, asked_for)
    assert (await refusal(maker.adjustments.ApproveRepost(own)))[1] == "SELF_APPROVAL"
    done = await checker.adjustments.ApproveRepost(asked(api.ApproveRepostRequest, asked_for))
    assert [(bool(j.reverses_journal_id), j.generation, j.rule_set) for j in done.journals] == [
        (True, 1, "retail-default/1"),
        (False, 2, "retail-default/2"),
    ]
    assert await open_books.balances() == {"PSP_RESERVE": 500, "CUSTOMER_DEPOSIT": -500}
    # What is posted by the new rules already is left alone.
    again = await checker.adjustments.ApproveRepost(
        asked(api.ApproveRepostRequest, await proposed(maker))
    )
    assert not again.journals
    assert len(await open_books.rows("SELECT 1 FROM journal")) == 3


async def test_posting_anew_moves_no_goods_and_keeps_the_order_even(
    open_books: Books, maker: Person, checker: Person
) -> None:
    await post(open_books, "po.received", RECEIPT, "r1")
    await post(open_books, "payment.captured", {"amount": 10_800}, "c1", order_id="o1")
    await post(open_books, "shipment.confirmed", SHIPMENT, "s1", order_id="o1")
    before = await open_books.balances()
    pools = await open_books.rows("SELECT quantity, value_minor FROM cost_pool")
    await new_rules(maker, checker)
    for event_type in ("shipment.confirmed", "payment.captured"):
        what = await proposed(maker, event_type)
        await checker.adjustments.ApproveRepost(asked(api.ApproveRepostRequest, what))
    after = await open_books.balances()
    assert after.pop("PSP_RESERVE") == before.pop("PSP_CLEARING")
    assert after == before
    assert await open_books.rows("SELECT quantity, value_minor FROM cost_pool") == pools


async def test_a_rejected_or_too_large_range_posts_nothing(
    open_books: Books, maker: Person, checker: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(3):
        await post(open_books, "payment.captured", {"amount": 500}, f"c{number}")
    asked_for = await proposed(maker)
    no = asked(api.RejectRepostRequest, asked_for, reason="not before the close")
    assert (await checker.adjustments.RejectRepost(no)).adjustment.state == (
        wire.Adjustment.STATE_REJECTED
    )
    monkeypatch.setattr(propose_repost, "EVENTS_MAX", 2)
    assert (await refusal(proposed(maker)))[1] == "REPOST_TOO_LARGE"
    assert len(await open_books.rows("SELECT 1 FROM journal")) == 3
