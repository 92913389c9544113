"""A rule set from proposal to force: proved, compared on what happened, approved by another."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import grpc
import pytest
import yaml
from tandem.finance.v1 import rule_service_pb2 as api
from tandem.finance.v1.rule_service_pb2_grpc import RuleServiceStub
from tandem.finance.v1.rule_set_pb2 import RuleSetVersion
from tandem_core.ids import Uuid7Factory
from tandem_finance_posting.adapters.rules.rule_files import default_document

from .books_under_test import Books
from .test_rpcs_of_the_books import draft, refusal, submit

IDS = Uuid7Factory()
NAME = "retail-default"
MAKER, CHECKER = "a.kim", "r.osei"


@pytest.fixture
async def maker(open_books: Books) -> AsyncIterator[RuleServiceStub]:
    async with open_books.service.channel(MAKER) as channel:
        yield RuleServiceStub(channel)


@pytest.fixture
async def checker(open_books: Books) -> AsyncIterator[RuleServiceStub]:
    async with open_books.service.channel(CHECKER) as channel:
        yield RuleServiceStub(channel)


def source(version: int = 2, effective_from: str = "2026-01-01", **roles: str) -> str:
    """The shipped rules with other roles in P03, by line."""
    document = {**default_document(), "version": version, "effective_from": effective_from}
    rules = [dict(rule) for rule in document["rules"]]
    for rule in rules:
        if rule["id"] == "P03" and roles:
            rule["lines"] = [changed(dict(line), roles) for line in rule["lines"]]
            rule["tests"] = [{"name": "one", "facts": {"amount": 5}, "expect": expected(rule)}]
    return yaml.safe_dump({**document, "rules": rules}, sort_keys=False)


def changed(line: dict[str, Any], roles: dict[str, str]) -> dict[str, Any]:
    side = "dr" if "dr" in line else "cr"
    return {**line, side: roles.get(line["id"], line[side])}


def expected(rule: dict[str, Any]) -> dict[str, int]:
    return {line.get("dr") or line["cr"]: 5 if "dr" in line else -5 for line in rule["lines"]}


async def propose(by: RuleServiceStub, text: str) -> RuleSetVersion:
    request = api.ProposeRuleSetRequest(request_id=IDS.new_id(), source=text, change_ref="CHG-118")
    return (await by.ProposeRuleSet(request)).version


async def compare(by: RuleServiceStub, version: int = 2) -> RuleSetVersion:
    request = api.CompareRuleSetsRequest(
        request_id=IDS.new_id(), name=NAME, version=version, from_date="2026-01-01",
        to_date="2026-12-31",
    )  # fmt: skip
    return (await by.CompareRuleSets(request)).version


def approval(version: RuleSetVersion, diff_hash: str = "") -> api.ApproveRuleSetRequest:
    return api.ApproveRuleSetRequest(
        request_id=IDS.new_id(), name=version.name, version=version.version,
        diff_hash=diff_hash or version.diff_hash,
    )  # fmt: skip


async def capture(books: Books, event_id: str, day: str = "2026-03-02") -> Any:
    event = draft("payment.captured", {"amount": 500}, event_id, original_date=day)
    return await books.posting.SubmitFinanceEvent(submit(event))


async def test_an_approved_version_posts_from_its_day_on_and_what_was_posted_stays(
    open_books: Books, maker: RuleServiceStub, checker: RuleServiceStub
) -> None:
    before = await capture(open_books, "c1")
    version = await propose(maker, source(clearing="PSP_RESERVE"))
    assert version.state == RuleSetVersion.STATE_PROPOSED
    compared = (await compare(maker)).comparison
    assert (compared.event_count, compared.differing_count) == (1, 1)
    assert [(r.role, r.before.minor_units, r.after.minor_units) for r in compared.roles] == [
        ("PSP_CLEARING", 500, 0),
        ("PSP_RESERVE", 0, 500),
    ]
    assert compared.events[0].before[0] == "Dr PSP_CLEARING 500 (P03.clearing)"
    approved = (await checker.ApproveRuleSet(approval(version))).version
    assert (approved.state, approved.checker) == (RuleSetVersion.STATE_ACTIVE, CHECKER)
    after = await capture(open_books, "c2")
    assert after.journals[0].rule_set == f"{NAME}/2"
    assert after.journals[0].lines[0].role == "PSP_RESERVE"
    # A replay under the new version posts nothing (I5): the key is posted.
    again = await capture(open_books, "c1")
    assert [j.id for j in again.journals] == [j.id for j in before.journals]
    assert await open_books.journals() == {"payment.captured": 2}
    # An event of a day before it begins is posted by the version of that day.
    old = await capture(open_books, "c3", "2025-12-31")
    assert old.journals[0].rule_set == f"{NAME}/1"


async def test_nobody_approves_an_own_proposal_or_one_without_evidence_or_another_text(
    open_books: Books, maker: RuleServiceStub, checker: RuleServiceStub
) -> None:
    version = await propose(maker, source())
    denied = await refusal(maker.ApproveRuleSet(approval(version)))
    assert denied == (grpc.StatusCode.PERMISSION_DENIED, "SELF_APPROVAL")
    blind = await refusal(checker.ApproveRuleSet(approval(version)))
    assert blind[1] == "RULE_SET_NOT_COMPARED"
    await compare(maker)
    other = await refusal(checker.ApproveRuleSet(approval(version, "0" * 64)))
    assert other[1] == "RULE_SET_VERSION"
    await checker.ApproveRuleSet(approval(version))
    twice = await refusal(checker.ApproveRuleSet(approval(version)))
    assert twice[1] == "RULE_SET_DECIDED"


async def test_a_version_that_does_not_balance_or_skips_a_number_is_refused(
    open_books: Books, maker: RuleServiceStub
) -> None:
    unbalanced = source().replace("sum(lines.net) + sum(lines.tax) + ship", "sum(lines.net) + ship")
    assert unbalanced != source()
    with pytest.raises(Exception, match=r"P18.*debits less credits leave"):
        await maker.ValidateRuleSet(api.ValidateRuleSetRequest(source=unbalanced))
    assert (await refusal(propose(maker, unbalanced)))[1] == "POSTING_RULE_INVALID"
    assert (await refusal(propose(maker, source(version=4))))[1] == "RULE_SET_VERSION"
    listed = await maker.ListRuleSets(api.ListRuleSetsRequest())
    assert [v.version for v in listed.versions] == [1], "a refused proposal is not stored"


async def test_a_rejected_version_never_posts_and_its_number_is_taken(
    open_books: Books, maker: RuleServiceStub, checker: RuleServiceStub
) -> None:
    version = await propose(maker, source(clearing="PSP_RESERVE"))
    request = api.RejectRuleSetRequest(
        request_id=IDS.new_id(), name=NAME, version=version.version, reason="wrong role"
    )
    rejected = (await checker.RejectRuleSet(request)).version
    assert (rejected.state, rejected.reason) == (RuleSetVersion.STATE_REJECTED, "wrong role")
    assert (await refusal(checker.ApproveRuleSet(approval(version))))[1] == "RULE_SET_DECIDED"
    posted = await capture(open_books, "c1")
    assert posted.journals[0].rule_set == f"{NAME}/1"
    assert (await propose(maker, source(version=3))).version == 3
    listed = await maker.ListRuleSets(api.ListRuleSetsRequest(page_size=2))
    assert [v.version for v in listed.versions] == [3, 2]
    rest = api.ListRuleSetsRequest(page_size=2, page_token=listed.next_page_token)
    assert [v.version for v in (await maker.ListRuleSets(rest)).versions] == [1]


async def test_the_shipped_version_can_be_read_and_proposed_again_as_it_is(
    open_books: Books, maker: RuleServiceStub
) -> None:
    got = await maker.GetRuleSet(api.GetRuleSetRequest(name=NAME, version=1))
    assert got.version.state == RuleSetVersion.STATE_ACTIVE
    proved = await maker.ValidateRuleSet(api.ValidateRuleSetRequest(source=got.source))
    assert proved.label == f"{NAME}/1"
    assert proved.rule_count == got.version.rule_count
    unknown = api.GetRuleSetRequest(name=NAME, version=9)
    assert (await refusal(maker.GetRuleSet(unknown)))[1] == "NOT_FOUND"


async def test_history_is_simulated_page_by_page_and_sums_to_the_ledger(
    open_books: Books, maker: RuleServiceStub
) -> None:
    for number in range(5):
        await capture(open_books, f"c{number}")
    request = api.SimulateHistoryRequest(
        name=NAME, version=1, from_date="2026-01-01", to_date="2026-12-31"
    )
    told = [answer async for answer in maker.SimulateHistory(request)]
    assert [t.evaluated_count for t in told] == [5, 5]
    assert told[-1].done
    balances = {b.role: b.balance.minor_units for b in told[-1].balances}
    assert balances == await open_books.balances()


async def test_a_document_of_aliases_is_refused_before_it_unfolds(
    open_books: Books, maker: RuleServiceStub
) -> None:
    bomb = "a: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]\n"
    validate = maker.ValidateRuleSet(api.ValidateRuleSetRequest(source=bomb))
    assert (await refusal(validate))[1] == "POSTING_RULE_INVALID"
