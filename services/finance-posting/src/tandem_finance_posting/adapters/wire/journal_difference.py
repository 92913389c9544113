"""Which fields of a stored journal differ from what was told when it was posted."""

from __future__ import annotations

from collections.abc import Iterator

from google.protobuf.message import Message

DIFFERENCES_MAX = 50
"""Fields named of one journal."""


def differing_fields(told: Message, stored: Message) -> list[str]:
    """Paths of fields that differ, for example `lines[2].amount.minor_units`."""
    found: list[str] = []
    for path in _differences(told, stored, ""):
        found.append(path)
        if len(found) == DIFFERENCES_MAX:
            break
    return found


def _differences(told: Message, stored: Message, at: str) -> Iterator[str]:
    for field in told.DESCRIPTOR.fields:
        path = f"{at}{field.name}"
        one, other = getattr(told, field.name), getattr(stored, field.name)
        if one == other:
            continue
        entry = field.message_type
        is_map = entry is not None and entry.GetOptions().map_entry
        if entry is None or is_map:
            yield path
        elif field.is_repeated:
            yield from _in_lists(list(one), list(other), path)
        else:
            yield from _differences(one, other, f"{path}.")


def _in_lists(told: list[Message], stored: list[Message], path: str) -> Iterator[str]:
    for place in range(max(len(told), len(stored))):
        if place >= len(told) or place >= len(stored):
            yield f"{path}[{place}]"
        else:
            yield from _differences(told[place], stored[place], f"{path}[{place}].")
