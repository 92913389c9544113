"""Posts events one after the other on the state they touch; pure, so simulation is posting.

The caller loads what the events at hand touch, feeds them in order and writes what changed. Same
state and same events give the same journals, on any machine.
"""

from __future__ import annotations

from dataclasses import dataclass

from tandem_core.errors import DomainError

from tandem_finance_posting.domain.errors import ReversalRefused
from tandem_finance_posting.domain.event_posting import Posted, Posting
from tandem_finance_posting.domain.finance_event import FinanceEvent, Hold
from tandem_finance_posting.domain.posting_state import EventKey, PostingState
from tandem_finance_posting.domain.reversal import POSTED, Prior


def _alike(found: Posted, prior: Prior) -> bool:
    made = [x for x in found.journals if x.event.key == prior.event.key and not x.reverses]
    return [(x.legal_entity, x.book, x.rule_id, x.lines) for x in made] == [
        (x.legal_entity, x.book, x.rule_id, x.lines) for x in prior.journals
    ]


@dataclass
class PostingBook(PostingState):
    """All or nothing, event by event."""

    def post(self, event: FinanceEvent) -> Posted | Hold:
        """Posts the event or says what it waits for; a held event changes nothing.

        Raises PostingRuleMissing, FinanceFactInvalid, JournalUnbalanced, RoundingExcess,
        ReversalRefused; then nothing has changed either.
        """
        try:
            found = self._posting(event).run()
        except DomainError:
            self.drop()
            raise
        if isinstance(found, Hold):
            self.drop()
            self.note_hold(event)
            return found
        self.keep()
        for key, _ in found.changed:
            # A held event that was replaced is never posted: nothing waits for it any more.
            self.cost.forget_hold(self.prior[event.tenant, key].event)
        return found

    def repost(self, key: EventKey) -> Posted | None:
        """Posts an event anew under the rules in force now; None when they post it alike.

        Raises NotFound, ReversalRefused for an event that is not posted or would wait, and what
        posting raises.
        """
        prior = self.prior.get(key)
        if prior is None or prior.state != POSTED:
            raise ReversalRefused(key[1], "is not posted")
        try:
            found = self._reposting(prior).repost(prior)
        except DomainError:
            self.drop()
            raise
        if isinstance(found, Hold):
            self.drop()
            raise ReversalRefused(key[1], found.detail)
        if _alike(found, prior):
            self.drop()
            return None
        self.keep()
        return found

    def _posting(self, event: FinanceEvent) -> Posting:
        rules = self.rules_of(event)
        declared = rules.event_type(event.type)
        facts = {**declared.checked(event.facts), **rules.policy_facts(event.legal_entity)}
        return Posting(self, event, rules, declared, facts)

    def _reposting(self, prior: Prior) -> Posting:
        """On the stored facts: what was stamped stays, policies are those in force now."""
        rules = self.rules_of(prior.event)
        declared = rules.event_type(prior.event.type)
        outside = {name: x for name, x in prior.facts.items() if name in declared.facts}
        stamped = {name: x for name, x in prior.facts.items() if name in declared.stamped}
        policies = rules.policy_facts(prior.event.legal_entity)
        facts = {**declared.checked(outside), **stamped, **policies}
        return Posting(self, prior.event, rules, declared, facts)

    def note_hold(self, event: FinanceEvent) -> None:
        """The event waits: what must not overtake it waits too."""
        self.cost.note_hold(event, self.rules_of(event).event_type(event.type).cost)
