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
    values = _names(message, field)
    if number == 0 or number not in values:
        raise UnsupportedEnum(field, number)
    return number


def from_enum(message: Message, field: str, target: type[TEnum], prefix: str) -> TEnum:
    """The domain value of the same name. Raises UnsupportedEnum."""
    number = checked_enum(message, field)
    try:
        return target(_names(message, field)[number].removeprefix(prefix))
    except ValueError:
        raise UnsupportedEnum(field, number) from None


def _names(message: Message, field: str) -> dict[int, str]:
    """Names of the field's values by number; empty for a field that is no enum."""
    enum = message.DESCRIPTOR.fields_by_name[field].enum_type
    return {value.number: value.name for value in enum.values} if enum else {}
