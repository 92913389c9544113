"""``tandem stock``: what can be promised and why, the streams of sources, cases for a person."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from tandem_local.layout import Layout, Running
from tandem_local.report import all_pages
from tandem_local.rest_client import RestClient

stock = typer.Typer(no_args_is_help=True, help="Stock: what can be promised, and why.")
DATA = Path("data")
DataDir = Annotated[
    Path, typer.Option("--data", envvar="TANDEM_DATA", help="Folder of the suite's data.")
]
Sku = Annotated[str, typer.Argument(help="Stock keeping unit.")]
PIPED_COLUMNS = 110
console = Console(width=None if sys.stdout.isatty() else PIPED_COLUMNS)


def _rest(data: Path) -> RestClient:
    layout = Layout(data.resolve())
    return RestClient(Running.read(layout).rest, layout.api_key.read_text().strip())


@stock.command("show")
def show(sku: Sku, data: DataDir = DATA) -> None:
    """Every position of a SKU: what is there, what is claimed, what can be promised."""
    columns = ("onHand", "hardReserved", "softReserved", "unsettled", "leased", "available")
    heads = ("on hand", "hard", "soft", "unsettled", "leased", "available", "notes")
    table = Table("location", *heads)
    for row in all_pages(_rest(data), "/v1/stock-positions", "stockPositions", sku=sku):
        notes = [name for name in ("gap", "inConflict") if row.get(name)]
        figures = [str(row.get(name, 0)) for name in columns]
        table.add_row(row["location"], *figures, " ".join(notes))
    console.print(table)


@stock.command("explain")
def explain(
    sku: Sku,
    location: Annotated[str, typer.Option(help="At this location.")] = "",
    group: Annotated[str, typer.Option(help="In this sourcing group.")] = "",
    channel: Annotated[str, typer.Option(help="For this channel.")] = "",
    data: DataDir = DATA,
) -> None:
    """Why a number is what it is: its terms add up to it."""
    query = {"location": location, "group": group, "channel": channel}
    asked = {name: value for name, value in query.items() if value}
    answer = _rest(data).get(f"/v1/availability/{sku}/explanation", **asked)
    table = Table("term", "units", "where", "rule", "in words")
    for term in answer.get("terms", []):
        words = (term.get("place", ""), term.get("ruleId", ""), term.get("detail", ""))
        table.add_row(term["name"], f"{int(term.get('units', 0)):+d}", *words)
    table.add_section()
    table.add_row("available", str(answer.get("available", 0)), "", "", answer["asOfTime"])
    console.print(table)


@stock.command("conflicts")
def conflicts(data: DataDir = DATA) -> None:
    """Open cases: more is promised than there is. The first to break comes first."""
    table = Table("id", "SKU", "where", "state", "missing", "victims", "breaks", "assignee")
    for case in all_pages(_rest(data), "/v1/conflicts", "conflicts"):
        table.add_row(*_case(case))
    console.print(table)


def _case(case: dict[str, Any]) -> tuple[str, ...]:
    where = case.get("location") or case.get("group", "")
    state = case["state"].removeprefix("STATE_")
    victims = str(len(case.get("victims", [])))
    breaks = case.get("breakTime", "-")
    missing = str(case.get("deficitQuantity", 0))
    return (
        case["id"],
        case["sku"],
        where,
        state,
        missing,
        victims,
        breaks,
        case.get("assignee", ""),
    )


@stock.command("streams")
def streams(data: DataDir = DATA) -> None:
    """Sources of stock: how far each has come, what of it is missing, held back or parked."""
    table = Table("source", "epoch", "up to", "highest", "gaps", "held", "parked", "last report")
    figures = ("epoch", "watermark", "highestSequence", "gapPositions", "heldSignals")
    for stream in all_pages(_rest(data), "/v1/stock-streams", "streams"):
        row = [str(stream.get(name, 0)) for name in (*figures, "parkedSignals")]
        silent = " (silent)" if stream.get("stale") else ""
        table.add_row(stream["source"], *row, stream.get("reportTime", "-") + silent)
    console.print(table)
