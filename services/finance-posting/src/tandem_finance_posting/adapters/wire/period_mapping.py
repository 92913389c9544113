"""Periods, their steps and blockers from domain to wire and back."""

from __future__ import annotations

from collections.abc import Mapping

from tandem.common.v1.money_pb2 import Money
from tandem.finance.v1 import period_pb2 as wire
from tandem.finance.v1.period_service_pb2 import AssertedBlocker as WireAsserted
from tandem.finance.v1.period_service_pb2 import PeriodDefinition
from tandem_platform.timestamps import to_time

from tandem_finance_posting.adapters.wire.draft_mapping import day
from tandem_finance_posting.application.period_ports import AssertedBlocker
from tandem_finance_posting.domain.close_check import Blocker
from tandem_finance_posting.domain.period import Period, PeriodState
from tandem_finance_posting.domain.period_change import LedgerKey, PeriodChange


def to_period(
    ledger: LedgerKey,
    period: Period,
    *,
    late: Mapping[str, int] | None = None,
    late_limit_minor: int = 0,
    balance_hash: bytes = b"",
) -> wire.Period:
    """A period as of a day; ``late`` by currency of the books."""
    late = late or {}
    return wire.Period(
        legal_entity=ledger[1],
        book=ledger[2],
        code=period.code,
        first_date=period.first.isoformat(),
        last_date=period.last.isoformat(),
        state=_state(period.state),
        late_amounts=to_amounts(late),
        late_material=any(amount > late_limit_minor for amount in late.values()),
        balance_hash=balance_hash.hex(),
    )


def _state(state: PeriodState | None) -> wire.Period.State.ValueType:
    return wire.Period.State.Value(f"STATE_{state}") if state else wire.Period.STATE_UNSPECIFIED


def to_amounts(amounts: Mapping[str, int]) -> list[Money]:
    """Amounts by currency."""
    return [Money(currency_code=code, minor_units=amounts[code]) for code in sorted(amounts)]


def to_change(change: PeriodChange) -> wire.PeriodChange:
    """A step."""
    decided = change.decided
    message = wire.PeriodChange(
        id=change.id,
        legal_entity=change.ledger[1],
        book=change.ledger[2],
        period=change.period.code,
        state=wire.PeriodChange.State.Value(f"STATE_{change.state}"),
        from_state=_state(change.from_state),
        to_state=_state(change.to_state),
        proposed_by=change.proposed.subject,
        propose_time=to_time(change.proposed.at),
        reason=change.proposed.reason,
        chain_sequence=change.books.chain_sequence,
        chain_hash=change.books.chain_hash.hex(),
        balance_hash=change.books.balance_hash.hex(),
        reseals=change.reseals,
    )
    if decided is not None:
        message.decided_by = decided.subject
        message.decide_time.CopyFrom(to_time(decided.at))
        message.decision_reason = decided.reason
    return message


def to_blocker(blocker: Blocker) -> wire.CloseBlocker:
    """A blocker."""
    return wire.CloseBlocker(
        kind=wire.CloseBlocker.Kind.Value(f"KIND_{blocker.kind}"),
        count=blocker.count,
        amounts=to_amounts(blocker.amounts),
        detail=blocker.detail,
        examples=blocker.examples,
    )


def from_definition(place: int, definition: PeriodDefinition) -> Period:
    """A period as defined. Raises ValidationFailed naming the field."""
    field = f"periods[{place}]"
    return Period(
        definition.code,
        day(f"{field}.first_date", definition.first_date),
        day(f"{field}.last_date", definition.last_date),
    )


def from_asserted(asserted: WireAsserted) -> AssertedBlocker:
    """Something another service has found."""
    return AssertedBlocker(
        asserted.ref,
        asserted.detail,
        asserted.amount.minor_units,
        asserted.amount.currency_code,
    )
