"""Enum values between wire and domain by name; what is not known is refused, never defaulted."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar, TypeVar

from google.protobuf.message import Message
from tandem_core.errors import DomainError

TEnum = TypeVar("TEnum", bound=StrEnum)


@dataclass(eq=False)
class UnsupportedEnum(DomainError):
    """A value newer than this service, where a decision depends on it."""

    reason: ClassVar[str] = "UNSUPPORTED_ENUM"
    field: str
    value: int


def checked_enum(message: Message, field: str) -> int:
    """The field's number. Raises UnsupportedEnum for unspecified or unknown ones."""
    number = int(getattr(message, field))
    values = message.DESCRIPTOR.fields_by_name[field].enum_type.values_by_number
    if number == 0 or number not in values:
        raise UnsupportedEnum(field, number)
    return number


def from_enum(message: Message, field: str, target: type[TEnum], prefix: str) -> TEnum:
    """The domain value of the same name. Raises UnsupportedEnum."""
    number = checked_enum(message, field)
    name = message.DESCRIPTOR.fields_by_name[field].enum_type.values_by_number[number].name
    try:
        return target(name.removeprefix(prefix))
    except ValueError:
        raise UnsupportedEnum(field, number) from None
