"""Why a figure is what it is: signed terms that add up to it, with the rules that made them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from tandem_inventory_availability.domain.availability_answer import Answer
from tandem_inventory_availability.domain.availability_terms import (
    NetTerms,
    NodeTerms,
    PolicyView,
)


@dataclass(frozen=True)
class Term:
    """Units with their sign. ``place`` is the location or group, ``rule`` the id of a rule."""

    name: str
    units: int
    place: str
    rule: str = ""
    detail: str = ""


def explain(answer: Answer, view: PolicyView) -> list[Term]:
    """Terms that add up to what the answer says can be promised."""
    if answer.components:
        return list(_bundle(answer))
    if answer.node is not None:
        terms = list(_node(answer.node, view))
    elif answer.net is not None:
        terms = list(_net(answer.net, answer.sku, view))
    else:
        return []
    return [*terms, *_limits(answer, sum(term.units for term in terms))]


def _node(node: NodeTerms, view: PolicyView) -> Iterator[Term]:
    sku, place = node.key.sku, node.key.location
    yield Term("ON_HAND", node.on_hand, place)
    for name in ("hard", "soft", "unsettled", "leased"):
        if units := getattr(node, name):
            yield Term(name.upper(), -units, place)
    if node.safety:
        rule = view.policy.safety_rule(sku, place, view.mode, view.now)
        yield Term("SAFETY", -node.safety, place, rule.id if rule else "")
    if node.haircut:
        cut = view.policy.haircut_rule(sku, place, view.now)
        yield Term("HAIRCUT", -node.haircut, place, cut.id if cut else "", "the source is silent")
    left = node.free - node.safety - node.haircut
    if not node.eligible:
        found = view.policy.locations.get(place)
        status = found.terms(view.now).status.value if found else "UNKNOWN"
        mode = view.mode.value if view.mode else "any"
        yield Term("NOT_ELIGIBLE", -left, place, "", f"status {status}, fulfilment {mode}")
    elif left < 0:
        yield Term("CUT_AT_ZERO", -left, place, "", "more is claimed than there is")


def _net(net: NetTerms, sku: str, view: PolicyView) -> Iterator[Term]:
    for member in net.members:
        yield Term("MEMBER", member.available, member.key.location)
    if net.claims:
        yield Term("UNPINNED_CLAIMS", -net.claims, net.group, "", "with overlapping groups")
    if net.deficits:
        yield Term("DEFICITS", -net.deficits, net.group, "", "to be sourced from the group again")
    if net.network_safety:
        rule = view.policy.network_safety_rule(sku, net.group, view.mode, view.now)
        yield Term("NETWORK_SAFETY", -net.network_safety, net.group, rule.id if rule else "")
    if net.raw < 0:
        yield Term("CUT_AT_ZERO", -net.raw, net.group, "", "more is claimed than there is")


def _limits(answer: Answer, available: int) -> Iterator[Term]:
    place = answer.location or answer.group
    if answer.group_limit is not None and answer.group_limit < available:
        kept = answer.group_limit - available
        yield Term("GROUP_LIMIT", kept, place, "", "units claimed of a group need the rest")
        available = answer.group_limit
    if answer.channel_limit is not None and answer.channel_limit < available:
        limit = max(0, answer.channel_limit)
        yield Term("CHANNEL_LIMIT", limit - available, place, "", "the channel's allocation")


def _bundle(answer: Answer) -> Iterator[Term]:
    place = answer.location or answer.group
    scarce = min(answer.components, key=lambda part: (part.available // part.ratio, part.sku))
    for part in answer.components:
        units = answer.available if part is scarce else 0
        told = f"{part.sku}: {part.available} available, {part.ratio} in each"
        yield Term("COMPONENT", units, place, "", told)
