"""What can be wrong with posting.

DomainError
├── FinanceEventConflict   FINANCE_EVENT_CONFLICT   same key, other facts
├── PostingRuleMissing     POSTING_RULE_MISSING     no rule, or more than one
├── PostingRuleInvalid     POSTING_RULE_INVALID     a rule that cannot be loaded
├── FinanceFactInvalid     FINANCE_FACT_INVALID     a fact the rule needs is not there
├── UnsupportedEnum        UNSUPPORTED_ENUM         a value newer than this service
├── PayloadUnreadable      PAYLOAD_UNREADABLE       an event that is not what it says
├── JournalUnbalanced      JOURNAL_UNBALANCED       lines that do not add up; never written
├── AccountMapInvalid      ACCOUNT_MAP_INVALID      an entry or family that cannot be
├── AccountMapAmbiguous    ACCOUNT_MAP_AMBIGUOUS    two entries fit one line equally well
├── AccountMapNotProposed  ACCOUNT_MAP_NOT_PROPOSED no proposal any more
├── ExportBatchWrongState  EXPORT_BATCH_STATE       not possible in the batch's state
├── ExportBookRefused      EXPORT_BOOK_REFUSED      a memo book never leaves
├── ExportOutcomeUnknown   EXPORT_OUTCOME_UNKNOWN   the ERP must be asked first
├── ExportTargetMissing    EXPORT_TARGET_MISSING    no ERP is configured
├── ExportAckInvalid       EXPORT_ACK_INVALID       an answer that does not fit
├── EstimateInvalid        ESTIMATE_INVALID         a figure of an estimate that cannot be
├── SelfApproval           SELF_APPROVAL            maker and checker are one
├── RoundingExcess         ROUNDING_EXCESS          a residual above what may be rounded away
├── ReversalRefused        REVERSAL_REFUSED         reversed before, or its goods are gone
├── RateMissing            RATE_MISSING             no rate between two currencies on a day
├── PeriodDefinitionInvalid PERIOD_DEFINITION_INVALID days left out, held twice, or a name twice
├── PeriodMoveRefused      PERIOD_MOVE_REFUSED      a period's state does not allow the step
├── PeriodShut             PERIOD_SHUT              a day whose period takes no such journal
├── CloseBlocked           CLOSE_BLOCKED            a period that is not ready to be closed
└── SourceSequenceConflict SOURCE_SEQUENCE_CONFLICT a count below a number seen, or another count
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from tandem_core.errors import DomainError


@dataclass(eq=False)
class FinanceEventConflict(DomainError):
    """The event exists with other facts."""

    reason: ClassVar[str] = "FINANCE_EVENT_CONFLICT"
    event_key: str


@dataclass(eq=False)
class PostingRuleMissing(DomainError):
    """Not exactly one rule is for the event."""

    reason: ClassVar[str] = "POSTING_RULE_MISSING"
    event_type: str
    matched: int


@dataclass(eq=False)
class PostingRuleInvalid(DomainError):
    """A rule cannot be loaded."""

    reason: ClassVar[str] = "POSTING_RULE_INVALID"
    rule: str
    detail: str


@dataclass(eq=False)
class FinanceFactInvalid(DomainError):
    """A fact is missing or of another type."""

    reason: ClassVar[str] = "FINANCE_FACT_INVALID"
    fact: str
    event_type: str = ""


@dataclass(eq=False)
class JournalUnbalanced(DomainError):
    """The lines do not add up to zero."""

    reason: ClassVar[str] = "JOURNAL_UNBALANCED"
    rule: str
    difference_minor: int


@dataclass(eq=False)
class UnsupportedEnum(DomainError):
    """A value newer than this service, where the journal depends on it."""

    reason: ClassVar[str] = "UNSUPPORTED_ENUM"
    field: str
    value: int


@dataclass(eq=False)
class PayloadUnreadable(DomainError):
    """An event that cannot be read as its stated type."""

    reason: ClassVar[str] = "PAYLOAD_UNREADABLE"
    event_type: str


@dataclass(eq=False)
class SelfApproval(DomainError):
    """Who proposed a thing may not approve it."""

    reason: ClassVar[str] = "SELF_APPROVAL"
    what: str
    subject: str


@dataclass(eq=False)
class RoundingExcess(DomainError):
    """A residual above the cap of the rule; nothing was posted."""

    reason: ClassVar[str] = "ROUNDING_EXCESS"
    rule: str
    residual_minor: int
    cap_minor: int


@dataclass(eq=False)
class ReversalRefused(DomainError):
    """A journal that cannot be undone."""

    reason: ClassVar[str] = "REVERSAL_REFUSED"
    journal_id: str
    detail: str


@dataclass(eq=False)
class RateMissing(DomainError):
    """No sealed rate is known."""

    reason: ClassVar[str] = "RATE_MISSING"
    from_currency: str
    to_currency: str
    date: str


@dataclass(eq=False)
class PeriodDefinitionInvalid(DomainError):
    """A defined period leaves days out, holds days of another, or has its name."""

    reason: ClassVar[str] = "PERIOD_DEFINITION_INVALID"
    period: str
    detail: str


@dataclass(eq=False)
class PeriodMoveRefused(DomainError):
    """The period's state does not allow the step."""

    reason: ClassVar[str] = "PERIOD_MOVE_REFUSED"
    period: str
    state: str
    detail: str


@dataclass(eq=False)
class PeriodShut(DomainError):
    """A journal was to be put on a day whose period takes no such journal."""

    reason: ClassVar[str] = "PERIOD_SHUT"
    period: str
    state: str
    date: str


@dataclass(eq=False)
class CloseBlocked(DomainError):
    """The period is not ready to be closed; ``blockers`` names the kinds with their counts."""

    reason: ClassVar[str] = "CLOSE_BLOCKED"
    period: str
    blockers: str


@dataclass(eq=False)
class SourceSequenceConflict(DomainError):
    """A source declares fewer numbers than were seen of it, or another count than before."""

    reason: ClassVar[str] = "SOURCE_SEQUENCE_CONFLICT"
    source: str
    declared: int
    known: int


@dataclass(eq=False)
class AccountMapInvalid(DomainError):
    """An entry or family cannot be; ``field`` is its path."""

    reason: ClassVar[str] = "ACCOUNT_MAP_INVALID"
    field: str
    detail: str


@dataclass(eq=False)
class AccountMapAmbiguous(DomainError):
    """Two entries fit one line, and neither is more specific than the other."""

    reason: ClassVar[str] = "ACCOUNT_MAP_AMBIGUOUS"
    role: str
    first: str
    second: str


@dataclass(eq=False)
class AccountMapNotProposed(DomainError):
    """The version was decided, or holds another content than the checker read."""

    reason: ClassVar[str] = "ACCOUNT_MAP_NOT_PROPOSED"
    version: int
    state: str


@dataclass(eq=False)
class ExportBatchWrongState(DomainError):
    """Not possible in the state the batch is in."""

    reason: ClassVar[str] = "EXPORT_BATCH_STATE"
    batch_id: str
    state: str
    needed: str


@dataclass(eq=False)
class ExportBookRefused(DomainError):
    """The book never leaves the house."""

    reason: ClassVar[str] = "EXPORT_BOOK_REFUSED"
    book: str


@dataclass(eq=False)
class ExportOutcomeUnknown(DomainError):
    """The ERP may hold the document; sending it again could make two."""

    reason: ClassVar[str] = "EXPORT_OUTCOME_UNKNOWN"
    batch_id: str
    external_id: str


@dataclass(eq=False)
class ExportTargetMissing(DomainError):
    """No ERP is configured."""

    reason: ClassVar[str] = "EXPORT_TARGET_MISSING"
    setting: str = "TANDEM_EXPORT_TARGET"


@dataclass(eq=False)
class ExportAckInvalid(DomainError):
    """The answer names a journal that is not in the batch or contradicts an earlier one."""

    reason: ClassVar[str] = "EXPORT_ACK_INVALID"
    journal_id: str
    detail: str


@dataclass(eq=False)
class EstimateInvalid(DomainError):
    """A figure cannot be; ``field`` is its path."""

    reason: ClassVar[str] = "ESTIMATE_INVALID"
    field: str
    detail: str


@dataclass(eq=False)
class RuleSetVersionMismatch(DomainError):
    """A version that is not the next one, or a hash of another text."""

    reason: ClassVar[str] = "RULE_SET_VERSION"
    name: str
    expected: str
    found: str


@dataclass(eq=False)
class RuleSetDecided(DomainError):
    """A proposed version was decided before."""

    reason: ClassVar[str] = "RULE_SET_DECIDED"
    what: str
    state: str


@dataclass(eq=False)
class RuleSetNotCompared(DomainError):
    """An approval needs the evidence of a comparison."""

    reason: ClassVar[str] = "RULE_SET_NOT_COMPARED"
    name: str
    version: int


@dataclass(eq=False)
class AdjustmentDecided(DomainError):
    """A proposal was decided before."""

    reason: ClassVar[str] = "ADJUSTMENT_DECIDED"
    id: str
    state: str


@dataclass(eq=False)
class RepostTooLarge(DomainError):
    """More events than one approval may post anew."""

    reason: ClassVar[str] = "REPOST_TOO_LARGE"
    found: int
    events_max: int
