"""Finance events as submitted by call: what JSON can hold and the books cannot is refused here."""

from __future__ import annotations

import json
from datetime import date
from typing import Any

from tandem.finance.v1.posting_service_pb2 import FinanceEventDraft
from tandem_core.errors import FieldViolation, ValidationFailed
from tandem_platform import telemetry

from tandem_finance_posting.domain.finance_event import REVISION_MAX, FinanceEvent

_TEXTS = ("source_system", "event_id", "legal_entity", "order_id")


def from_draft(draft: FinanceEventDraft, tenant: str) -> FinanceEvent:
    """The event of a draft. Raises ValidationFailed naming the field."""
    for name in _TEXTS:
        _storable(f"event.{name}", getattr(draft, name))
    if draft.revision > REVISION_MAX:
        # Posting looks for every earlier revision: without a limit one draft would keep it busy.
        violation = FieldViolation("event.revision", f"is above {REVISION_MAX}")
        raise ValidationFailed([violation])
    headers: dict[str, str] = {}
    telemetry.inject(headers)
    return FinanceEvent(
        tenant=tenant,
        source_system=draft.source_system,
        type=draft.event_type,
        id=draft.event_id,
        legal_entity=draft.legal_entity,
        original_date=day("event.original_date", draft.original_date),
        currency_code=draft.currency_code,
        facts=_facts(draft.facts_json),
        order_id=draft.order_id,
        revision=draft.revision,
        trace_headers=headers,
    )


def day(field: str, value: str) -> date:
    """The day of a text that looks like one. Raises ValidationFailed for the 31st of February."""
    try:
        return date.fromisoformat(value)
    except ValueError:
        raise ValidationFailed([FieldViolation(field, "is no day of the calendar")]) from None


def _facts(value: str) -> dict[str, Any]:
    field = "event.facts_json"
    try:
        facts = json.loads(value, parse_float=_no_number, parse_constant=_no_number)
        _storable(field, json.dumps(facts, ensure_ascii=False))
    except (ValueError, RecursionError) as error:
        raise ValidationFailed([FieldViolation(field, str(error))]) from None
    if not isinstance(facts, dict):
        raise ValidationFailed([FieldViolation(field, "is not a JSON object")])
    return facts


def _storable(field: str, value: str) -> None:
    """Postgres takes neither NUL nor halves of surrogate pairs; both are legal in JSON."""
    if "\x00" in value or "\\u0000" in value or not _is_unicode(value):
        raise ValidationFailed([FieldViolation(field, "holds a character no text may hold")])


def _is_unicode(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def _no_number(value: str) -> Any:
    raise ValueError(f"{value} is not a whole number of minor units")
