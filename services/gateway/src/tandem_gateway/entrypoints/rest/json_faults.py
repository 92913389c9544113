"""Finds every field of a JSON body that does not fit its message, with list positions.

json_format stops at the first fault, leaves out positions, and words it as Python does; callers
need a pointer to each. Runs only after json_format has refused a body.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from google.protobuf import json_format
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message_factory import GetMessageClass
from tandem_core.errors import FieldViolation

from tandem_gateway.entrypoints.rest.dynamic_messages import contract_pool

WELL_KNOWN = "google.protobuf."
_WANTED = {
    FieldDescriptor.CPPTYPE_INT32: "a whole number of 32 bits",
    FieldDescriptor.CPPTYPE_INT64: "a whole number of 64 bits, as a number or as text",
    FieldDescriptor.CPPTYPE_UINT32: "a whole number of 32 bits, not negative",
    FieldDescriptor.CPPTYPE_UINT64: "a whole number of 64 bits, not negative",
    FieldDescriptor.CPPTYPE_DOUBLE: "a number",
    FieldDescriptor.CPPTYPE_FLOAT: "a number",
    FieldDescriptor.CPPTYPE_BOOL: "true or false",
    FieldDescriptor.CPPTYPE_STRING: "a string",
}
_WANTED_WELL_KNOWN = {
    "google.protobuf.Timestamp": "a time with zone (RFC 3339), as 2026-03-02T09:00:00Z",
    "google.protobuf.Duration": "a duration in seconds, as 1.5s",
    "google.protobuf.FieldMask": "field names separated by commas",
}


def faults(values: Any, owner: Descriptor, path: str = "") -> Iterator[FieldViolation]:
    """A violation for each value that does not fit, in the order of the body."""
    if not isinstance(values, dict):
        yield FieldViolation(path, "must be an object", "type")
        return
    known = {name: field for field in owner.fields for name in (field.name, field.json_name)}
    for name, value in values.items():
        inner = f"{path}.{name}" if path else str(name)
        if (field := known.get(name)) is None:
            yield FieldViolation(inner, "is not a field of this request", "unknown_field")
        elif value is not None:
            yield from _field_faults(field, value, inner)


def _field_faults(field: FieldDescriptor, value: Any, path: str) -> Iterator[FieldViolation]:
    if _is_map(field) or not field.is_repeated:
        yield from _value_faults(field, value, path)
    elif not isinstance(value, list):
        yield FieldViolation(path, "must be a list", "type")
    else:
        for position, item in enumerate(value):
            yield from _value_faults(field, item, f"{path}[{position}]")


def _value_faults(field: FieldDescriptor, value: Any, path: str) -> Iterator[FieldViolation]:
    inner = field.message_type
    if inner is not None and not _is_map(field) and not inner.full_name.startswith(WELL_KNOWN):
        yield from faults(value, inner, path)
    elif not _fits(field, value):
        yield FieldViolation(path, f"must be {_wanted(field)}", "type")


def _fits(field: FieldDescriptor, value: Any) -> bool:
    if (owner := field.containing_type) is None:
        return False
    message = GetMessageClass(owner)()
    whole = [value] if field.is_repeated and not _is_map(field) else value
    try:
        json_format.ParseDict({field.name: whole}, message, descriptor_pool=contract_pool())
    except json_format.ParseError:
        return False
    return True


def _is_map(field: FieldDescriptor) -> bool:
    return field.message_type is not None and bool(field.message_type.GetOptions().map_entry)


def _wanted(field: FieldDescriptor) -> str:
    if field.enum_type is not None:
        return "one of " + ", ".join(value.name for value in field.enum_type.values)
    if _is_map(field):
        return "an object of names and values"
    if field.message_type is not None:
        return _WANTED_WELL_KNOWN.get(field.message_type.full_name, "of another form")
    if field.type == FieldDescriptor.TYPE_BYTES:
        return "base64 text"
    return _WANTED[field.cpp_type]
