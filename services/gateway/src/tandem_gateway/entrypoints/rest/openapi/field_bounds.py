"""Bounds of the contract (``buf.validate``) as JSON Schema keywords."""

from __future__ import annotations

from typing import Any

from buf.validate import validate_pb2
from google.protobuf.descriptor_pb2 import FieldDescriptorProto
from google.protobuf.message import Message

JsonSchema = dict[str, Any]

_STRING = {"min_len": "minLength", "max_len": "maxLength", "pattern": "pattern"}
_STRING_FORMATS = {"uuid": "uuid", "email": "email", "hostname": "hostname", "uri": "uri"}
_NUMBER = {
    "gt": "exclusiveMinimum",
    "gte": "minimum",
    "lt": "exclusiveMaximum",
    "lte": "maximum",
}
_REPEATED = {"min_items": "minItems", "max_items": "maxItems", "unique": "uniqueItems"}
_MAP = {"min_pairs": "minProperties", "max_pairs": "maxProperties"}
_NUMBERS = frozenset({"int32", "int64", "uint32", "uint64", "sint32", "sint64"})


def rules_of(field: FieldDescriptorProto) -> validate_pb2.FieldRules:
    """The declared rules; empty ones when there are none."""
    return field.options.Extensions[validate_pb2.field]


def bounds(rules: validate_pb2.FieldRules) -> JsonSchema:
    """Keywords for the field itself; those of a list's items are in `item_bounds`."""
    kind = rules.WhichOneof("type")
    if kind == "string":
        return _string(rules.string)
    if kind in _NUMBERS:
        return _named(getattr(rules, kind or ""), _NUMBER)
    if kind == "repeated":
        return _named(rules.repeated, _REPEATED)
    if kind == "map":
        return _named(rules.map, _MAP)
    return {}


def item_bounds(rules: validate_pb2.FieldRules) -> JsonSchema:
    """Keywords for each item of a list."""
    return bounds(rules.repeated.items) if rules.WhichOneof("type") == "repeated" else {}


def _string(rules: validate_pb2.StringRules) -> JsonSchema:
    found = _named(rules, _STRING)
    for rule, name in _STRING_FORMATS.items():
        if rule in validate_pb2.StringRules.DESCRIPTOR.fields_by_name and _is_true(rules, rule):
            found["format"] = name
    if values := list(getattr(rules, "in")):
        found["enum"] = values
    return found


def _is_true(rules: Message, name: str) -> bool:
    return rules.HasField(name) and bool(getattr(rules, name))


def _named(rules: Message, names: dict[str, str]) -> JsonSchema:
    return {
        keyword: getattr(rules, name) for name, keyword in names.items() if rules.HasField(name)
    }
