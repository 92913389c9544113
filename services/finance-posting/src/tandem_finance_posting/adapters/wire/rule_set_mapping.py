"""Versions of rule sets to the wire."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tandem.common.v1.money_pb2 import Money
from tandem.finance.v1 import rule_set_pb2 as wire
from tandem_platform.timestamps import to_time

from tandem_finance_posting.domain.rule_set_version import RuleSetVersion


def to_version(version: RuleSetVersion) -> wire.RuleSetVersion:
    """A version without its source."""
    message = wire.RuleSetVersion(
        name=version.name,
        version=version.version,
        state=wire.RuleSetVersion.State.Value(f"STATE_{version.state.value}"),
        effective_from=version.effective_from.isoformat(),
        diff_hash=version.diff_hash,
        change_ref=version.change_ref,
        maker=version.maker,
        propose_time=to_time(version.proposed_at),
        checker=version.checker,
        reason=version.reason,
        rule_count=version.rule_count,
    )
    if version.decided_at is not None:
        message.decide_time.CopyFrom(to_time(version.decided_at))
    if version.compared is not None:
        message.comparison.CopyFrom(_comparison(version.compared))
    return message


def _comparison(found: Mapping[str, Any]) -> wire.RuleSetComparison:
    return wire.RuleSetComparison(
        from_date=found["from_date"],
        to_date=found["to_date"],
        event_count=found["event_count"],
        differing_count=found["differing_count"],
        refused_count=found["refused_count"],
        roles=[_role(row) for row in found["roles"]],
        events=[wire.EventDifference(**event) for event in found["events"]],
    )


def _role(row: list[Any]) -> wire.RoleDifference:
    entity, book, role, currency, before, after = row
    return wire.RoleDifference(
        legal_entity=entity,
        book=book,
        role=role,
        before=Money(currency_code=currency, minor_units=before),
        after=Money(currency_code=currency, minor_units=after),
    )
