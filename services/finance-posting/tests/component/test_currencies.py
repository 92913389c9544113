"""Books in dollars, business in euros: rates by two people, realised and unrealised differences."""

from __future__ import annotations

from typing import Any

import grpc
import pytest
import yaml
from tandem.finance.v1 import adjustment_pb2 as wire
from tandem.finance.v1 import rate_service_pb2 as rates
from tandem.finance.v1 import rule_service_pb2 as rules
from tandem_finance_posting.adapters.rules.rule_files import default_document

from .books_under_test import Books
from .people import IDS, Person, asked, seal
from .test_adjustments import post
from .test_rpcs_of_the_books import refusal

MARCH, APRIL = "2026-03-02", "2026-04-15"


@pytest.fixture
async def dollars(open_books: Books, maker: Person, checker: Person) -> Books:
    """The books of US01 are kept in dollars from here on."""
    entities = {"US01": {"currency": "USD"}, "CA01": {"currency": "CAD"}}
    document = {
        **default_document(), "version": 2, "effective_from": "2026-01-01", "entities": entities
    }  # fmt: skip
    request = rules.ProposeRuleSetRequest(
        request_id=IDS.new_id(), source=yaml.safe_dump(document), change_ref="CHG-1"
    )
    version = (await maker.rules.ProposeRuleSet(request)).version
    named = {"name": version.name, "version": version.version, "request_id": IDS.new_id()}
    compare = rules.CompareRuleSetsRequest(from_date=MARCH, to_date=APRIL, **named)
    await maker.rules.CompareRuleSets(compare)
    approve = rules.ApproveRuleSetRequest(
        **{**named, "request_id": IDS.new_id()}, diff_hash=version.diff_hash
    )
    await checker.rules.ApproveRuleSet(approve)
    return open_books


async def in_euros(books: Books, event_type: str, facts: Any, event_id: str, **rest: Any) -> Any:
    return await post(books, event_type, facts, event_id, **{"currency_code": "EUR", **rest})


async def worth(books: Books) -> dict[str, int]:
    """What each role holds in the currency of the books."""
    sql = """SELECT role, sum(CASE side WHEN 'DEBIT' THEN functional_minor
                                        ELSE -functional_minor END)
             FROM journal_line GROUP BY role"""
    return {row[0]: int(row[1]) for row in await books.rows(sql) if row[1]}


async def test_a_euro_payout_realises_the_difference_and_leaves_clearing_nil_in_both(
    dollars: Books, maker: Person, checker: Person
) -> None:
    """EUR 109.00 at 1.10, closing rate 1.08, fee 3.00 and payout 106.00 at 1.12: 2.18 in all."""
    await seal(maker, checker, "2026-03-30", ("EUR", "USD", "1.10"))
    await seal(maker, checker, "2026-03-31", ("EUR", "USD", "1.08"))
    await seal(maker, checker, APRIL, ("EUR", "USD", "1.12"))
    await in_euros(
        dollars, "payment.captured", {"amount": 10_900}, "c1", order_id="o1",
        original_date="2026-03-30",
    )  # fmt: skip
    revalue = rates.RevalueFxRequest(
        request_id=IDS.new_id(), legal_entity="US01", revalue_date="2026-03-31"
    )
    made = (await checker.rates.RevalueFx(revalue)).journals
    found = await worth(dollars)
    assert (found.get("FX_UNREALISED", 0), found["PSP_CLEARING"]) == (0, 11_990)
    assert [(j.event_type, j.accounting_date) for j in made] == [
        ("fx.revalued", "2026-03-31"),
        ("fx.revaluation_ended", "2026-04-01"),
    ]
    assert made[0].lines[0].functional_amount.minor_units == 218
    again = rates.RevalueFxRequest(
        request_id=IDS.new_id(), legal_entity="US01", revalue_date="2026-03-31"
    )
    assert not (await checker.rates.RevalueFx(again)).journals, "a day is revalued once"
    await in_euros(dollars, "psp.settled", {"fee": 300}, "f1", original_date=APRIL)
    paid = {"amount": 10_600, "paid": 11_872, "paid_currency": "USD"}
    await in_euros(dollars, "payout.converted", paid, "p1", original_date=APRIL)
    found = await worth(dollars)
    assert "PSP_CLEARING" not in found
    assert "FX_CONVERSION" not in found
    assert (found["FX_REALISED"], found["PSP_FEES"]) == (-218, 336)
    assert found["PAYOUT_IN_TRANSIT"] == 11_872
    balances = await dollars.balances()
    assert "PSP_CLEARING" not in balances


async def test_a_refund_takes_back_revenue_at_the_rate_it_was_booked_at(
    dollars: Books, maker: Person, checker: Person
) -> None:
    """USD 100 at 1.35 refunded at 1.40: contra-revenue CAD 135, loss 5, clearing 140."""
    await seal(maker, checker, MARCH, ("USD", "CAD", "1.35"))
    await seal(maker, checker, APRIL, ("USD", "CAD", "1.4"))
    entity = {"legal_entity": "CA01", "order_id": "o1"}
    await post(dollars, "payment.captured", {"amount": 10_000}, "c1", **entity)
    await post(dollars, "psp.settled", {"fee": 10_000}, "settled", legal_entity="CA01")
    refund = {"lines": [{"net": 10_000}]}
    late = {**entity, "original_date": APRIL}
    await post(dollars, "refund.approved", refund, "r1", **late)
    await post(dollars, "refund.settled", {"amount": 10_000}, "s1", **late)
    found = await worth(dollars)
    assert (found["REV_RETURNS"], found["FX_REALISED"]) == (13_500, 500)
    assert found["PSP_CLEARING"] == -14_000
    assert "REFUND_PAYABLE" not in found


async def test_an_event_without_a_rate_waits_for_it_and_goes_on_by_itself(
    dollars: Books, maker: Person, checker: Person
) -> None:
    held = await in_euros(dollars, "payment.captured", {"amount": 500}, "c1", order_id="o1")
    assert held.finance_event.hold_gate == "G5_RATE_UNKNOWN"
    assert "EUR to USD" in held.finance_event.hold_detail
    await seal(maker, checker, MARCH, ("EUR", "USD", "1.1"))
    await dollars.become({"payment.captured": 1})
    assert await worth(dollars) == {"PSP_CLEARING": 550, "CUSTOMER_DEPOSIT": -550}


async def test_an_entity_the_rules_do_not_know_waits(dollars: Books) -> None:
    held = await post(dollars, "payment.captured", {"amount": 5}, "c1", legal_entity="XX01")
    assert held.finance_event.hold_gate == "G2_ENTITY_UNKNOWN"


async def test_a_payment_in_another_currency_than_its_order_is_refused(dollars: Books) -> None:
    await post(dollars, "payment.captured", {"amount": 500}, "c1", order_id="o1")
    told = await refusal(in_euros(dollars, "payment.captured", {"amount": 5}, "c2", order_id="o1"))
    assert told == (grpc.StatusCode.INVALID_ARGUMENT, "FINANCE_FACT_INVALID")


async def test_a_sealed_rate_never_changes_and_nobody_seals_an_own_one(
    dollars: Books, maker: Person, checker: Person
) -> None:
    await seal(maker, checker, MARCH, ("EUR", "USD", "1.1"))
    await seal(maker, checker, MARCH, ("EUR", "USD", "1.1"), ("GBP", "USD", "1.270001"))
    with pytest.raises(Exception, match="EUR/USD was sealed at another rate"):
        await seal(maker, checker, MARCH, ("EUR", "USD", "1.2"))
    assert (await refusal(seal(maker, maker, APRIL, ("EUR", "USD", "1.2"))))[1] == "SELF_APPROVAL"
    for pair in (("EUR", "EUR", "1"), ("EUR", "USD", "0"), ("EUR", "USD", "1000001")):
        assert (await refusal(seal(maker, checker, APRIL, pair)))[1] == "VALIDATION_FAILED"
    listed = await maker.rates.ListRates(rates.ListRatesRequest(page_size=1))
    rest = rates.ListRatesRequest(page_size=1, page_token=listed.next_page_token)
    found = [*listed.rates, *(await maker.rates.ListRates(rest)).rates]
    assert [(r.rate.from_currency, r.rate.rate) for r in found] == [
        ("GBP", "1.270001"), ("EUR", "1.1"),
    ]  # fmt: skip


async def test_a_rejected_rate_is_not_used(dollars: Books, maker: Person, checker: Person) -> None:
    sheet = wire.RateSheet(
        rate_date=MARCH,
        rates=[wire.CurrencyRate(from_currency="EUR", to_currency="USD", rate="9")],
    )
    request = rates.ProposeRatesRequest(request_id=IDS.new_id(), rate_sheet=sheet, reason="typo")
    proposed = (await maker.rates.ProposeRates(request)).adjustment
    no = asked(rates.RejectRatesRequest, proposed, reason="nine?")
    assert (await checker.rates.RejectRates(no)).adjustment.reason == "nine?"
    held = await in_euros(dollars, "payment.captured", {"amount": 500}, "c1")
    assert held.finance_event.hold_gate == "G5_RATE_UNKNOWN"
