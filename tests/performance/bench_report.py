"""Figures of a benchmark as JSON and as a table."""

from __future__ import annotations

import json
import os
import platform
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console
from rich.table import Table

OUT = Path(__file__).parents[2] / "build" / "bench"


@dataclass(frozen=True)
class Figure:
    """One measured figure; ``goal`` is what the architecture asks for, empty for a plain fact."""

    what: str
    value: float
    unit: str
    goal: str = ""
    note: str = ""


def report(name: str, figures: list[Figure]) -> None:
    """Writes ``build/bench/<name>.json`` and prints the table."""
    OUT.mkdir(parents=True, exist_ok=True)
    content = {
        "bench": name,
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "figures": [asdict(figure) for figure in figures],
    }
    (OUT / f"{name}.json").write_text(json.dumps(content, indent=1))
    table = Table("figure", "value", "unit", "goal", "note", title=name, title_justify="left")
    for figure in figures:
        value = f"{figure.value:,.0f}" if figure.value >= 100 else f"{figure.value:.2f}"
        table.add_row(figure.what, value, figure.unit, figure.goal, figure.note)
    Console(width=140).print(table)


def percentile(values: list[float], part: float) -> float:
    """The value below which ``part`` (0 to 1) of all lie; 0 for none."""
    if not values:
        return 0.0
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(part * len(ordered)))]
