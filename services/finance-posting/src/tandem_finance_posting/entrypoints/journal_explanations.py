"""Finds what made a journal (its rule version and the stored facts) and evaluates it again."""

from __future__ import annotations

import json
from typing import Any

from tandem.finance.v1 import ledger_service_pb2 as api
from tandem_platform.database import Database

from tandem_finance_posting.adapters.postgres.ledger_read_models import (
    JournalRow,
    LedgerReadModels,
)
from tandem_finance_posting.adapters.postgres.rule_store import RuleStore
from tandem_finance_posting.application.explain_journal import ExplainedLine, StoredLine, explain
from tandem_finance_posting.domain.errors import PostingRuleMissing
from tandem_finance_posting.domain.posting_rule import PostingRule, Side


class JournalExplanations:
    """Reads only."""

    def __init__(self, database: Database, read_models: LedgerReadModels, rules: RuleStore) -> None:
        self._database = database
        self._read_models = read_models
        self._rules = rules

    async def of(self, tenant: str, row: JournalRow) -> api.ExplainJournalResponse:
        """Expression, values and result of every line. Raises PostingRuleMissing when the version
        that made it is not known any more."""
        made = await self._made(tenant, row)
        rule = await self._rule(tenant, row)
        facts_json = await self._read_models.facts(tenant, made.journal["event_key"])
        facts = json.loads(facts_json) if facts_json else _derived_facts(made)
        explained = explain(
            rule, facts, [_stored(line) for line in row.lines], mirrored=made is not row
        )
        return api.ExplainJournalResponse(
            rule_set=row.journal["rule_set"],
            rule_id=row.journal["rule_id"],
            lines=[_explanation(line) for line in explained],
            facts_json=json.dumps(facts),
        )

    async def _made(self, tenant: str, row: JournalRow) -> JournalRow:
        """The journal a rule made: itself, or the one it takes back."""
        reversed_id = row.journal["reverses_journal_id"]
        found = await self._read_models.journal(tenant, reversed_id) if reversed_id else None
        return found or row

    async def _rule(self, tenant: str, row: JournalRow) -> PostingRule:
        async with self._database.transaction() as connection:
            catalogue = await self._rules.catalogue(connection, tenant)
        version = catalogue.labelled(row.journal["rule_set"])
        if version is None:
            raise PostingRuleMissing(row.journal["rule_set"], 0)
        return version.rule(row.journal["rule_id"])


def _stored(line: Any) -> StoredLine:
    return StoredLine(
        line["number"],
        line["role"],
        line["side"],
        line["amount_minor"],
        line["functional_minor"],
        line["rule_line"],
    )


def _explanation(line: ExplainedLine) -> api.LineExplanation:
    return api.LineExplanation(
        number=line.number,
        role=line.role,
        expression=line.expression,
        values_json=json.dumps(line.values),
        evaluated_minor_units=line.evaluated,
        agrees=line.agrees,
    )


def _derived_facts(row: JournalRow) -> dict[str, int]:
    """A derived journal (deposit applied) has no event of its own: its amount is its only fact,
    negative when an application was taken back."""
    first = row.lines[0]
    return {"amount": int(first["amount_minor"]) * Side(first["side"]).sign}
