"""The shape of a rule set as written; a key too many or too few is named with its place."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from tandem_finance_posting.domain.errors import PostingRuleInvalid

RULES_MAX = 1_000
LINES_MAX = 100


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class RoleEntry(_Strict):
    """A role."""

    family: Literal["asset", "liability", "revenue", "expense", "memo"]
    clears: bool = False
    item: str | None = None


class PolicyEntry(_Strict):
    """A switch."""

    values: list[str]
    default: str
    entities: dict[str, str] = Field(default_factory=dict)


class EntityEntry(_Strict):
    """A legal entity."""

    currency: str = Field(default="", pattern="^([A-Z]{3})?$")


class CostEntry(_Strict):
    """A move of the cost sub-ledger."""

    move: str
    each: str
    stamped_as: str = Field(default="", alias="as")


class ClassifyEntry(_Strict):
    """Turns texts of an outside system into an enumerated fact: rows of values, `*` for any, the
    last column the result."""

    fact: str
    by: list[str]
    rows: list[list[str]] = Field(max_length=RULES_MAX)


class EventEntry(_Strict):
    """An event type."""

    title: str
    facts: dict[str, Any] = Field(default_factory=dict)
    stamped: dict[str, Any] = Field(default_factory=dict)
    cost: list[CostEntry] = Field(default_factory=list)
    classify: ClassifyEntry | None = None
    require: list[Literal["tax_final"]] = Field(default_factory=list)
    reverses: Literal["", "original_day", "own_day"] = ""


class LineEntry(_Strict):
    """A line of a rule."""

    id: str
    dr: str = ""
    cr: str = ""
    amount: str | int
    each: str = ""
    when: str = ""
    dims: list[str] = Field(default_factory=list)
    tags: dict[str, str] = Field(default_factory=dict)
    currency: str = ""
    functional_only: bool = False
    order_rate: bool = False
    role_fact: str = ""


class TestEntry(_Strict):
    """An example of a rule."""

    name: str
    facts: dict[str, Any] = Field(default_factory=dict)
    expect: dict[str, int] = Field(default_factory=dict)


class RoundingEntry(_Strict):
    """Caps of a rule's ROUNDING line in minor units."""

    per_source_line: int = Field(default=1, ge=0, le=100)
    total: int = Field(default=5, ge=0, le=1_000)


class RuleEntry(_Strict):
    """A rule."""

    id: str
    event: str
    title: str
    when: str = ""
    book: str | list[str] = "MAIN"
    purpose: str = "primary"
    entity: str = ""
    lines: list[LineEntry] = Field(max_length=LINES_MAX)
    rounding: RoundingEntry = RoundingEntry()
    free_form: bool = False
    tests: list[TestEntry] = Field(default_factory=list)


class RuleDocument(_Strict):
    """A whole rule set."""

    rule_set: str = Field(pattern="^[a-z0-9-]{1,64}$")
    version: int = Field(ge=1)
    effective_from: date
    roles: dict[str, RoleEntry]
    policies: dict[str, PolicyEntry] = Field(default_factory=dict)
    entities: dict[str, EntityEntry] = Field(default_factory=dict)
    events: dict[str, EventEntry]
    rules: list[RuleEntry] = Field(max_length=RULES_MAX)


def parse_document(data: Mapping[str, Any]) -> RuleDocument:
    """The document. Raises PostingRuleInvalid naming the place of the first error."""
    try:
        return RuleDocument.model_validate(data)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise PostingRuleInvalid(place, first["msg"]) from None
