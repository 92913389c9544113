"""How lines of some roles are grouped for the ERP: line by line, or summed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from tandem_finance_posting.domain.errors import AccountMapInvalid


class ExportLevel(StrEnum):
    """How much of the journals the ERP gets to see."""

    DETAIL = "DETAIL"
    SUMMARY = "SUMMARY"


@dataclass(frozen=True)
class ExportFamily:
    """Roles that are exported alike. ``dimensions`` keep summed lines apart."""

    name: str
    roles: tuple[str, ...]
    level: ExportLevel
    dimensions: tuple[str, ...] = ()


def checked_families(families: Sequence[ExportFamily]) -> tuple[ExportFamily, ...]:
    """The families. Raises AccountMapInvalid for a name or a role that is there twice."""
    names: set[str] = set()
    roles: dict[str, str] = {}
    for number, family in enumerate(families):
        if family.name in names:
            raise AccountMapInvalid(f"families[{number}].name", f"{family.name} is there twice")
        names.add(family.name)
        for role in family.roles:
            if role in roles:
                told = f"{role} is in {roles[role]} already"
                raise AccountMapInvalid(f"families[{number}].roles", told)
            roles[role] = family.name
    return tuple(families)
