"""The contracts by full name: descriptors and comments, for the OpenAPI document."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from google.protobuf.descriptor_pb2 import (
    DescriptorProto,
    EnumDescriptorProto,
    FileDescriptorProto,
)
from tandem_platform.method_table import contract_image

# Field numbers of the descriptor format, of which comment paths are made.
FILE_MESSAGES, FILE_ENUMS, FILE_SERVICES = 4, 5, 6
MESSAGE_FIELDS, MESSAGE_MESSAGES, MESSAGE_ENUMS = 2, 3, 4
ENUM_VALUES = 2
SERVICE_METHODS = 2


@dataclass
class ContractIndex:
    """Messages and enums by full name; comments by full name of whatever they describe."""

    messages: dict[str, DescriptorProto] = field(default_factory=dict)
    enums: dict[str, EnumDescriptorProto] = field(default_factory=dict)
    comments: dict[str, str] = field(default_factory=dict)

    def comment(self, name: str) -> str:
        """The comment on an element; empty without one."""
        return self.comments.get(name, "")


class _FileReader:
    """Adds the elements of one file."""

    def __init__(self, index: ContractIndex, file: FileDescriptorProto) -> None:
        self._index = index
        self._file = file
        self._texts = {
            tuple(location.path): location.leading_comments.strip()
            for location in file.source_code_info.location
            if location.leading_comments
        }

    def read(self) -> None:
        package = self._file.package
        for number, message in enumerate(self._file.message_type):
            self._message(f"{package}.{message.name}", message, (FILE_MESSAGES, number))
        for number, enum in enumerate(self._file.enum_type):
            self._enum(f"{package}.{enum.name}", enum, (FILE_ENUMS, number))
        for number, service in enumerate(self._file.service):
            name = f"{package}.{service.name}"
            self._comment(name, (FILE_SERVICES, number))
            for position, method in enumerate(service.method):
                path = (FILE_SERVICES, number, SERVICE_METHODS, position)
                self._comment(f"{name}/{method.name}", path)

    def _message(self, name: str, message: DescriptorProto, path: tuple[int, ...]) -> None:
        self._index.messages[name] = message
        self._comment(name, path)
        for number, each in enumerate(message.field):
            self._comment(f"{name}.{each.name}", (*path, MESSAGE_FIELDS, number))
        for number, nested in enumerate(message.nested_type):
            self._message(f"{name}.{nested.name}", nested, (*path, MESSAGE_MESSAGES, number))
        for number, enum in enumerate(message.enum_type):
            self._enum(f"{name}.{enum.name}", enum, (*path, MESSAGE_ENUMS, number))

    def _enum(self, name: str, enum: EnumDescriptorProto, path: tuple[int, ...]) -> None:
        self._index.enums[name] = enum
        self._comment(name, path)
        for number, value in enumerate(enum.value):
            self._comment(f"{name}.{value.name}", (*path, ENUM_VALUES, number))

    def _comment(self, name: str, path: Sequence[int]) -> None:
        if text := self._texts.get(tuple(path)):
            self._index.comments[name] = text


def read_contracts() -> ContractIndex:
    """The index of the whole image."""
    index = ContractIndex()
    for file in contract_image().file:
        _FileReader(index, file).read()
    return index
