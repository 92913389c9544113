"""Promise: works out when and from where; keeps a record, touches no stock."""

from __future__ import annotations

from collections.abc import Sequence

from tandem_core.errors import FieldViolation, ValidationFailed

from tandem_inventory_availability.domain.promise import PromisedLine, WantedLine, promise
from tandem_inventory_availability.domain.stock_forecast import StockForecast


def plan_lines(
    forecast: StockForecast, lines: Sequence[WantedLine], group: str
) -> list[PromisedLine]:
    """Plans lines from members of a group in its order, or from all locations by priority.

    Raises ValidationFailed when a line id is named twice.
    """
    ids = [line.line_id for line in lines]
    violations = [
        FieldViolation(f"lines[{number}].line_id", "names an earlier line too", "unique")
        for number, line_id in enumerate(ids)
        if line_id in ids[:number]
    ]
    if violations:
        raise ValidationFailed(violations)
    view = forecast.stock.view
    found = view.policy.group(group, view.now) if group else None
    locations = list(found.members) if found else view.policy.locations_by_priority()
    return promise(forecast, lines, locations, group)
