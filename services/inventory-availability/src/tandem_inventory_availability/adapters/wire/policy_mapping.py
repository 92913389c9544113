"""Entries of the configuration between contract and domain."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import timedelta
from typing import Any

from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message
from tandem.inventory.v1 import catalog_service_pb2 as catalog
from tandem.inventory.v1 import reservation_pb2
from tandem.inventory.v1 import stock_policy_pb2 as wire
from tandem_platform.timestamps import from_time, to_time

from tandem_inventory_availability.domain import policy_rules as rules
from tandem_inventory_availability.domain.catalogue import LocationKind
from tandem_inventory_availability.domain.errors import UnsupportedEnum
from tandem_inventory_availability.domain.policy_entries import PolicyEntry, PolicyKind
from tandem_inventory_availability.domain.policy_rules import FulfilmentMode, Window

NO_SUPPLY = rules.SupplyRule("")


def from_entry(message: wire.PolicyEntry, field: str) -> PolicyEntry:
    """The entry of a request. Raises UnsupportedEnum for a rule of a newer contract."""
    name = message.WhichOneof("rule")
    if name is None:
        raise UnsupportedEnum(f"{field}.rule", 0)
    since = from_time(message.valid_from) if message.HasField("valid_from") else None
    until = from_time(message.valid_until) if message.HasField("valid_until") else None
    rule = _FROM[name](message.id, getattr(message, name), Window(since, until))
    return PolicyEntry(message.id, rule)


def to_entry(entry: PolicyEntry) -> wire.PolicyEntry:
    """An entry as a message."""
    message = wire.PolicyEntry(id=entry.id)
    if entry.window.since is not None:
        message.valid_from.CopyFrom(to_time(entry.window.since))
    if entry.window.until is not None:
        message.valid_until.CopyFrom(to_time(entry.window.until))
    name = entry.kind.value.lower()
    getattr(message, name).CopyFrom(_TO[name](entry.rule))
    return message


def from_kind(value: int, field: str) -> PolicyKind | None:
    """A kind; None when it is not stated. Raises UnsupportedEnum for one of a newer contract."""
    if value not in wire.PolicyKind.values():
        raise UnsupportedEnum(field, value)
    if value == wire.POLICY_KIND_UNSPECIFIED:
        return None
    name = wire.PolicyKind.Name(value)  # type: ignore[arg-type]  # checked above
    return PolicyKind(name.removeprefix("POLICY_KIND_"))


def to_kind(kind: PolicyKind) -> wire.PolicyKind.ValueType:
    """The kind of the contract."""
    return wire.PolicyKind.Value(f"POLICY_KIND_{kind.value}")


def from_mode(value: int) -> FulfilmentMode | None:
    """A fulfilment mode; None when it is not stated; the contract knows no others."""
    if value == reservation_pb2.FULFILMENT_MODE_UNSPECIFIED:
        return None
    name = reservation_pb2.FulfilmentMode.Name(value)  # type: ignore[arg-type]  # defined_only
    return FulfilmentMode(name.removeprefix("FULFILMENT_MODE_"))


def to_mode(mode: FulfilmentMode | None) -> reservation_pb2.FulfilmentMode.ValueType:
    """The fulfilment mode of the contract."""
    name = f"FULFILMENT_MODE_{mode.value}" if mode else "FULFILMENT_MODE_UNSPECIFIED"
    return reservation_pb2.FulfilmentMode.Value(name)


def _from_modes(values: Iterable[int]) -> frozenset[FulfilmentMode]:
    return frozenset(mode for mode in map(from_mode, values) if mode)


def _to_modes(modes: Iterable[FulfilmentMode]) -> list[reservation_pb2.FulfilmentMode.ValueType]:
    return [to_mode(mode) for mode in sorted(modes)]


def _seconds(message: Message, field: str, default: timedelta = timedelta(0)) -> timedelta:
    if not message.HasField(field):
        return default
    value: Duration = getattr(message, field)
    return value.ToTimedelta()


def _duration(value: timedelta) -> Duration:
    message = Duration()
    message.FromTimedelta(value)
    return message


def _from_location(_: str, message: wire.LocationPolicy, window: Window) -> rules.LocationTerms:
    name = wire.LocationPolicy.Status.Name(message.status).removeprefix("STATUS_")
    return rules.LocationTerms(
        status=rules.LocationStatus("ACTIVE" if name == "UNSPECIFIED" else name),
        dock_to_stock=_seconds(message, "dock_to_stock"),
        modes=_from_modes(message.modes),
        receives_returns=not message.refuses_returns,
        window=window,
    )


def _to_location(rule: rules.LocationTerms) -> wire.LocationPolicy:
    return wire.LocationPolicy(
        status=wire.LocationPolicy.Status.Value(f"STATUS_{rule.status.value}"),
        dock_to_stock=_duration(rule.dock_to_stock),
        modes=_to_modes(rule.modes),
        refuses_returns=not rule.receives_returns,
    )


def _from_group(
    entry_id: str, message: wire.SourcingGroupPolicy, window: Window
) -> rules.SourcingGroup:
    return rules.SourcingGroup(
        entry_id,
        tuple(message.members),
        frozenset(message.channels),
        _from_modes(message.modes),
        window,
    )


def _to_group(rule: rules.SourcingGroup) -> wire.SourcingGroupPolicy:
    return wire.SourcingGroupPolicy(
        members=rule.members, channels=sorted(rule.channels), modes=_to_modes(rule.modes)
    )


def _from_safety(entry_id: str, message: wire.SafetyPolicy, window: Window) -> rules.SafetyRule:
    kind = catalog.Location.Kind.Name(message.kind).removeprefix("KIND_")
    return rules.SafetyRule(
        entry_id,
        message.quantity,
        message.sku,
        message.location,
        None if kind == "UNSPECIFIED" else LocationKind(kind),
        message.group,
        from_mode(message.mode),
        window,
    )


def _to_safety(rule: rules.SafetyRule) -> wire.SafetyPolicy:
    kind = rule.kind.value if rule.kind else "UNSPECIFIED"
    return wire.SafetyPolicy(
        quantity=rule.quantity,
        sku=rule.sku,
        location=rule.location,
        kind=catalog.Location.Kind.Value(f"KIND_{kind}"),
        group=rule.group,
        mode=to_mode(rule.mode),
    )


def _from_hold(entry_id: str, message: wire.HoldPolicy, window: Window) -> rules.HoldRule:
    return rules.HoldRule(
        entry_id,
        message.channel,
        message.step,
        _seconds(message, "time_to_live"),
        _seconds(message, "lifetime_max"),
        message.extensions_max,
        window,
    )


def _to_hold(rule: rules.HoldRule) -> wire.HoldPolicy:
    return wire.HoldPolicy(
        channel=rule.channel,
        step=rule.step,
        time_to_live=_duration(rule.time_to_live),
        lifetime_max=_duration(rule.lifetime_max),
        extensions_max=rule.extensions_max,
    )


def _from_supply(entry_id: str, message: wire.SupplyPolicy, window: Window) -> rules.SupplyRule:
    return rules.SupplyRule(
        entry_id,
        message.sku,
        message.location,
        _seconds(message, "lateness"),
        _seconds(message, "zero_after", NO_SUPPLY.zero_after),
        message.return_yield_bp,
        _seconds(message, "inspection", NO_SUPPLY.inspection),
        window,
    )


def _to_supply(rule: rules.SupplyRule) -> wire.SupplyPolicy:
    return wire.SupplyPolicy(
        sku=rule.sku,
        location=rule.location,
        lateness=_duration(rule.lateness),
        zero_after=_duration(rule.zero_after),
        return_yield_bp=rule.return_yield,
        inspection=_duration(rule.inspection),
    )


def _from_lead_time(
    entry_id: str, message: wire.LeadTimePolicy, window: Window
) -> rules.LeadTimeRule:
    lead_time = _seconds(message, "lead_time")
    return rules.LeadTimeRule(entry_id, lead_time, message.sku, message.location, window)


def _to_lead_time(rule: rules.LeadTimeRule) -> wire.LeadTimePolicy:
    return wire.LeadTimePolicy(
        lead_time=_duration(rule.lead_time), sku=rule.sku, location=rule.location
    )


_FROM: Mapping[str, Callable[[str, Any, Window], rules.PolicyRule]] = {
    "location": _from_location,
    "group": _from_group,
    "safety": _from_safety,
    "haircut": lambda i, m, w: rules.HaircutRule(i, m.units_per_day, m.sku, m.location, w),
    "backorder": lambda i, m, w: rules.BackorderRule(i, m.limit, m.sku, m.location, w),
    "hold": _from_hold,
    "threshold": lambda i, m, w: rules.ThresholdRule(i, m.low, m.sku, m.location, w),
    "supply": _from_supply,
    "lead_time": _from_lead_time,
    "network": lambda _, m, w: rules.NetworkTerms(not m.keeps_deficits, w),
}
_TO: Mapping[str, Callable[[Any], Message]] = {
    "location": _to_location,
    "group": _to_group,
    "safety": _to_safety,
    "haircut": lambda r: wire.HaircutPolicy(
        units_per_day=r.units_per_day, sku=r.sku, location=r.location
    ),
    "backorder": lambda r: wire.BackorderPolicy(limit=r.limit, sku=r.sku, location=r.location),
    "hold": _to_hold,
    "threshold": lambda r: wire.ThresholdPolicy(low=r.low, sku=r.sku, location=r.location),
    "supply": _to_supply,
    "lead_time": _to_lead_time,
    "network": lambda r: wire.NetworkPolicy(keeps_deficits=not r.net_deficits),
}
