"""What a change of the configuration must keep to, before any of it counts."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

from tandem_core.errors import FieldViolation, ValidationFailed

from tandem_inventory_availability.domain.errors import GroupUnknown, LocationUnknown, SkuUnknown
from tandem_inventory_availability.domain.policy_entries import (
    EntryKey,
    PolicyEntry,
    PolicyKind,
    PolicySources,
)
from tandem_inventory_availability.domain.policy_errors import PolicyWindowsOverlap
from tandem_inventory_availability.domain.policy_rules import (
    LocationTerms,
    NetworkTerms,
    SafetyRule,
    SourcingGroup,
)

NETWORK_ID = "default"


def check_shape(entries: Sequence[PolicyEntry], removed: Sequence[EntryKey]) -> None:
    """What can be told from the request alone.

    Raises ValidationFailed, PolicyWindowsOverlap.
    """
    violations = [*_shape(entries), *_removed(entries, removed)]
    if not entries and not removed:
        violations.append(FieldViolation("entries", "nothing is put or removed", "required"))
    if violations:
        raise ValidationFailed(violations)
    for number, entry in enumerate(entries):
        for earlier in entries[:number]:
            if earlier.key == entry.key and earlier.window.overlaps(entry.window):
                raise PolicyWindowsOverlap(entry.kind.value, entry.id, f"entries[{number}]")


def check_names(
    entries: Sequence[PolicyEntry], after: PolicySources, unknown_skus: Collection[str]
) -> None:
    """Every name must mean something. Raises LocationUnknown, GroupUnknown, SkuUnknown."""
    groups = {entry.id for entry in after.entries if entry.kind is PolicyKind.GROUP}
    for number, entry in enumerate(entries):
        for field, location in _locations(entry):
            if location not in after.locations:
                raise LocationUnknown(location, f"entries[{number}].{field}")
        rule = entry.rule
        if isinstance(rule, SafetyRule) and rule.group and rule.group not in groups:
            raise GroupUnknown(rule.group, f"entries[{number}].safety.group")
        if (sku := sku_of(entry)) and sku in unknown_skus:
            raise SkuUnknown(sku, f"entries[{number}].{entry.kind.value.lower()}.sku")


def sku_of(entry: PolicyEntry) -> str:
    """The SKU an entry names, empty for all."""
    return str(getattr(entry.rule, "sku", ""))


def _shape(entries: Sequence[PolicyEntry]) -> Iterator[FieldViolation]:
    for number, entry in enumerate(entries):
        window, rule, place = entry.window, entry.rule, f"entries[{number}]"
        if window.since and window.until and window.until <= window.since:
            yield FieldViolation(f"{place}.valid_until", "is not after valid_from", "window")
        if isinstance(rule, SafetyRule) and rule.group and (rule.location or rule.kind):
            yield FieldViolation(f"{place}.safety.group", "excludes location and kind", "one_scope")
        if isinstance(rule, NetworkTerms) and entry.id != NETWORK_ID:
            yield FieldViolation(f"{place}.id", f"is not {NETWORK_ID!r}", "network_id")


def _removed(
    entries: Sequence[PolicyEntry], removed: Sequence[EntryKey]
) -> Iterator[FieldViolation]:
    put = {entry.key for entry in entries}
    for number, key in enumerate(removed):
        if key in put or key in removed[:number]:
            yield FieldViolation(f"removed[{number}]", "is named twice or put as well", "unique")


def _locations(entry: PolicyEntry) -> Iterator[tuple[str, str]]:
    """Fields that name locations, with the names."""
    kind = entry.kind.value.lower()
    if isinstance(entry.rule, LocationTerms):
        yield "id", entry.id
    elif isinstance(entry.rule, SourcingGroup):
        for number, member in enumerate(entry.rule.members):
            yield f"{kind}.members[{number}]", member
    elif location := str(getattr(entry.rule, "location", "")):
        yield f"{kind}.location", location
