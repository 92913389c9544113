"""Domain errors: raised with data, named by a reason of the contracts.

    DomainError
    ├── ValidationFailed      VALIDATION_FAILED
    ├── NotFound              NOT_FOUND
    ├── VersionMismatch       VERSION_MISMATCH
    ├── CurrencyUnknown       CURRENCY_UNKNOWN
    ├── AmountNotExact        AMOUNT_NOT_EXACT
    ├── CurrencyMismatch      CURRENCY_MISMATCH
    └── QuantityNotExact      QUANTITY_NOT_EXACT

A service adds its own under `DomainError`. The fields of an error become `ErrorInfo.metadata`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

METADATA_VALUE_CHARACTERS_MAX = 200


class DomainError(Exception):
    """A rule was broken. `reason` is a value of some `ErrorReason` enum without its prefix."""

    reason: ClassVar[str]

    def metadata(self) -> dict[str, str]:
        """The error's fields as text; empty ones are left out."""
        public = {k: v for k, v in vars(self).items() if not k.startswith("_")}
        return {k: _text(v) for k, v in public.items() if v is not None and v != ""}

    def __str__(self) -> str:
        fields = ", ".join(f"{key}={value}" for key, value in self.metadata().items())
        return f"{self.reason}: {fields}" if fields else self.reason


def _text(value: object) -> str:
    if isinstance(value, bool):
        text = "true" if value else "false"
    elif isinstance(value, datetime):
        text = value.isoformat()
    elif isinstance(value, (list, tuple, set, frozenset)):
        text = ",".join(_text(item) for item in value)
    else:
        text = str(value)
    return text[:METADATA_VALUE_CHARACTERS_MAX]


@dataclass(frozen=True)
class FieldViolation:
    """One field that breaks the contract: its path, what is wrong, and the rule's id."""

    field: str
    description: str
    rule: str = ""


class ValidationFailed(DomainError):
    """The input breaks the contract; every broken field is named at once."""

    reason = "VALIDATION_FAILED"

    def __init__(self, violations: Sequence[FieldViolation]) -> None:
        super().__init__()
        self.violations = tuple(violations)

    def metadata(self) -> dict[str, str]:
        """The names of the broken fields; their descriptions travel as field violations."""
        return {"fields": _text([violation.field for violation in self.violations])}

    def __str__(self) -> str:
        told = "; ".join(f"{v.field}: {v.description}" for v in self.violations)
        return f"{self.reason}: {told}"


@dataclass(eq=False)
class NotFound(DomainError):
    """No such object for this tenant."""

    reason: ClassVar[str] = "NOT_FOUND"
    resource: str
    id: str


@dataclass(eq=False)
class VersionMismatch(DomainError):
    """The object changed since the version the caller named."""

    reason: ClassVar[str] = "VERSION_MISMATCH"
    expected: int
    current: int


@dataclass(eq=False)
class CurrencyUnknown(DomainError):
    """The code is not in the ISO 4217 table."""

    reason: ClassVar[str] = "CURRENCY_UNKNOWN"
    currency_code: str
    field: str = ""


@dataclass(eq=False)
class AmountNotExact(DomainError):
    """The text is no number, has more digits than the currency, or leaves 64 bits."""

    reason: ClassVar[str] = "AMOUNT_NOT_EXACT"
    value: str
    currency_code: str
    field: str = ""


@dataclass(eq=False)
class CurrencyMismatch(DomainError):
    """Two amounts of different currencies met where one currency is needed."""

    reason: ClassVar[str] = "CURRENCY_MISMATCH"
    left: str
    right: str


@dataclass(eq=False)
class QuantityNotExact(DomainError):
    """The text is no number, or is not whole in the minor unit of its SKU."""

    reason: ClassVar[str] = "QUANTITY_NOT_EXACT"
    value: str
    scale: int
    field: str = ""
