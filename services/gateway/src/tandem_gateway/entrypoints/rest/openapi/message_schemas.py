"""Messages and enums as JSON Schema, in the form proto JSON has on the wire."""

from __future__ import annotations

from typing import Any

from google.protobuf.descriptor_pb2 import DescriptorProto, FieldDescriptorProto

from tandem_gateway.entrypoints.rest.openapi.contract_index import ContractIndex
from tandem_gateway.entrypoints.rest.openapi.field_bounds import (
    JsonSchema,
    bounds,
    item_bounds,
    rules_of,
)

F = FieldDescriptorProto
# Proto JSON writes 64-bit numbers as text, since JavaScript would round them; it reads both.
_INT64: JsonSchema = {"type": ["string", "integer"], "format": "int64"}
_SCALARS: dict[int, JsonSchema] = {
    F.TYPE_STRING: {"type": "string"},
    F.TYPE_BOOL: {"type": "boolean"},
    F.TYPE_BYTES: {"type": "string", "contentEncoding": "base64"},
    F.TYPE_DOUBLE: {"type": "number", "format": "double"},
    F.TYPE_FLOAT: {"type": "number", "format": "float"},
    F.TYPE_INT32: {"type": "integer", "format": "int32"},
    F.TYPE_SINT32: {"type": "integer", "format": "int32"},
    F.TYPE_SFIXED32: {"type": "integer", "format": "int32"},
    F.TYPE_UINT32: {"type": "integer", "format": "int64", "minimum": 0},
    F.TYPE_FIXED32: {"type": "integer", "format": "int64", "minimum": 0},
    F.TYPE_INT64: _INT64,
    F.TYPE_SINT64: _INT64,
    F.TYPE_SFIXED64: _INT64,
    F.TYPE_UINT64: _INT64,
    F.TYPE_FIXED64: _INT64,
}
_WELL_KNOWN: dict[str, JsonSchema] = {
    "google.protobuf.Timestamp": {"type": "string", "format": "date-time"},
    "google.protobuf.Duration": {"type": "string", "pattern": r"^-?[0-9]+(\.[0-9]{1,9})?s$"},
    "google.protobuf.FieldMask": {"type": "string"},
    "google.protobuf.Struct": {"type": "object"},
    "google.protobuf.Any": {"type": "object", "required": ["@type"]},
    "google.protobuf.Empty": {"type": "object"},
}


class MessageSchemas:
    """Collects the components of a document while its operations are written."""

    def __init__(self, index: ContractIndex) -> None:
        self._index = index
        self.components: dict[str, JsonSchema] = {}

    def reference(self, full_name: str) -> JsonSchema:
        """A reference to a message or enum, which joins the components with all it needs."""
        if full_name in _WELL_KNOWN:
            return dict(_WELL_KNOWN[full_name])
        key = full_name.removeprefix("tandem.")
        if key not in self.components:
            # Named first, so that a message that contains itself ends here.
            self.components[key] = {}
            self.components[key] = self._component(full_name)
        return {"$ref": f"#/components/schemas/{key}"}

    def without(self, full_name: str, left_out: frozenset[str]) -> JsonSchema:
        """The object of a message without some fields, which come from the path."""
        return self._object(full_name, left_out)

    def field(self, owner: str, field: FieldDescriptorProto) -> JsonSchema:
        """The schema of one field with its comment and bounds."""
        rules = rules_of(field)
        schema = self._shape(field)
        if schema.get("type") == "array":
            schema["items"] = schema["items"] | item_bounds(rules)
        schema |= bounds(rules)
        if comment := self._index.comment(f"{owner}.{field.name}"):
            # In OpenAPI 3.1 a description may stand beside a reference.
            schema["description"] = comment
        return schema

    def fields(self, full_name: str) -> list[FieldDescriptorProto]:
        """The fields of a message."""
        return list(self._index.messages[full_name].field)

    def _component(self, full_name: str) -> JsonSchema:
        if (enum := self._index.enums.get(full_name)) is None:
            return self._object(full_name, frozenset())
        values = [value.name for value in enum.value]
        told = [f"- `{v}`: {self._index.comment(f'{full_name}.{v}')}" for v in values]
        description = "\n".join([self._index.comment(full_name), "", *told]).strip()
        return {"type": "string", "enum": values, "description": description}

    def _object(self, full_name: str, left_out: frozenset[str]) -> JsonSchema:
        shown = [f for f in self.fields(full_name) if f.name not in left_out]
        schema: JsonSchema = {
            "type": "object",
            "properties": {f.json_name: self.field(full_name, f) for f in shown},
        }
        if required := [f.json_name for f in shown if rules_of(f).required]:
            schema["required"] = required
        if comment := self._index.comment(full_name):
            schema["description"] = comment
        return schema

    def _shape(self, field: FieldDescriptorProto) -> JsonSchema:
        name = field.type_name.removeprefix(".")
        if (entry := self._map_entry(name)) is not None:
            return {"type": "object", "additionalProperties": self._single(entry.field[1])}
        single = self._single(field)
        if field.label == F.LABEL_REPEATED:
            return {"type": "array", "items": single}
        return single

    def _single(self, field: FieldDescriptorProto) -> JsonSchema:
        if field.type in (F.TYPE_MESSAGE, F.TYPE_ENUM):
            return self.reference(field.type_name.removeprefix("."))
        return dict(_SCALARS[field.type])

    def _map_entry(self, name: str) -> DescriptorProto | None:
        message = self._index.messages.get(name)
        return message if message is not None and message.options.map_entry else None


def problem_schema() -> JsonSchema:
    """The problem document (RFC 9457) every failure is told in."""
    text: dict[str, Any] = {"type": "string"}
    fault = {"pointer": text, "detail": text, "rule": text}
    return {
        "type": "object",
        "description": "Why a request failed (RFC 9457).",
        "required": ["type", "title", "status", "detail", "instance", "trace_id", "reason"],
        "properties": {
            "type": {"type": "string", "format": "uri"},
            "title": text,
            "status": {"type": "integer"},
            "detail": text,
            "instance": text,
            "trace_id": text,
            "reason": text,
            "metadata": {"type": "object", "additionalProperties": text},
            "errors": {"type": "array", "items": {"type": "object", "properties": fault}},
            "details": {"type": "array", "items": {"type": "object"}},
        },
    }
