"""Canonical facts as JSON: for goldens, content hashes and people."""

import dataclasses
import hashlib
import json
from datetime import UTC, datetime

from tandem_connector_sdk.models import Canonical


def to_plain(value: object) -> object:
    """Dataclasses, times and tuples as what JSON knows; empty fields are left out."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        named = {f.name: getattr(value, f.name) for f in dataclasses.fields(value)}
        return {k: to_plain(v) for k, v in named.items() if v is not None and v not in ("", ())}
    if isinstance(value, tuple):
        return [to_plain(item) for item in value]
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    return value


def to_json(event: Canonical) -> str:
    """One fact with its type and keys, in a fixed order."""
    content = {
        "type": type(event).__name__,
        "aggregate_type": event.aggregate_type,
        "aggregate_key": event.aggregate_key,
        "event_key": event.event_key,
        "content": to_plain(event),
    }
    return json.dumps(content, sort_keys=True, ensure_ascii=False)


def content_hash(event: Canonical) -> str:
    """SHA-256 of the fact: equal for the same fact told again, hex."""
    return hashlib.sha256(to_json(event).encode()).hexdigest()
