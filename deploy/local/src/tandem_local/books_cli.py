"""``tandem books``: trial balance, what is held, periods, how far the books are in the ERP."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from tandem_local.layout import Layout, Running
from tandem_local.report import all_pages, money
from tandem_local.rest_client import RestClient

books = typer.Typer(no_args_is_help=True, help="Books: balances, what waits, what the ERP has.")
DATA = Path("data")
DataDir = Annotated[
    Path, typer.Option("--data", envvar="TANDEM_DATA", help="Folder of the suite's data.")
]
Entity = Annotated[str, typer.Option(help="Legal entity; all when not given.")]
OneEntity = Annotated[str, typer.Option(help="Legal entity.")]
Book = Annotated[str, typer.Option(help="Book.")]
PIPED_COLUMNS = 130
ENTITY, MAIN = "US01", "MAIN"
console = Console(width=None if sys.stdout.isatty() else PIPED_COLUMNS)


def _rest(data: Path) -> RestClient:
    layout = Layout(data.resolve())
    return RestClient(Running.read(layout).rest, layout.api_key.read_text().strip())


@books.command("trial-balance")
def trial_balance(
    entity: Entity = "",
    as_of: Annotated[str, typer.Option(help="Up to this accounting date, YYYY-MM-DD.")] = "",
    data: DataDir = DATA,
) -> None:
    """What each role holds; debits equal credits, or the exit code is 1."""
    found = _rest(data).get("/v1/trial-balance", legalEntity=entity, asOfDate=as_of)
    table = Table("entity", "book", "role", "debit", "credit", "balance")
    for row in found.get("balances", []):
        amounts = (money(row[name]) for name in ("debit", "credit", "balance"))
        table.add_row(row["legalEntity"], row["book"], row["role"], *amounts)
    console.print(table)
    differences = [d for d in found.get("differences", []) if int(d.get("minorUnits", 0))]
    for difference in differences:
        console.print(f"[red]out of balance: {money(difference)}[/red]")
    console.print(f"{found.get('journalCount', 0)} journals")
    if differences:
        raise typer.Exit(1)


@books.command("held")
def held(data: DataDir = DATA) -> None:
    """Finance events that wait, and for what; they go on by themselves."""
    table = Table("event", "since", "gate", "detail")
    query = {"state": "STATE_HELD"}
    for event in all_pages(_rest(data), "/v1/finance-events", "financeEvents", **query):
        words = (event.get("holdGate", ""), event.get("holdDetail", ""))
        table.add_row(event["eventKey"], event["acceptTime"], *words)
    console.print(table)


@books.command("periods")
def periods(entity: OneEntity = ENTITY, book: Book = MAIN, data: DataDir = DATA) -> None:
    """Periods and what counts in a later one though it happened in them."""
    table = Table("period", "from", "to", "state", "late")
    query = {"legalEntity": entity, "book": book}
    for period in all_pages(_rest(data), "/v1/periods", "periods", **query):
        late = ", ".join(money(amount) for amount in period.get("lateAmounts", []))
        state = period["state"].removeprefix("STATE_")
        flag = " (material)" if period.get("lateMaterial") else ""
        days = (period["firstDate"], period["lastDate"])
        table.add_row(period["code"], *days, state, late + flag)
    console.print(table)


@books.command("exports")
def exports(entity: Entity = "", data: DataDir = DATA) -> None:
    """Batches for the ERP, newest first."""
    table = Table("batch", "entity", "book", "no.", "state", "journals", "lines", "debits")
    query = {"legalEntity": entity}
    for batch in all_pages(_rest(data), "/v1/export-batches", "batches", **query):
        table.add_row(batch["id"], batch["legalEntity"], batch["book"], *_figures(batch))
    console.print(table)


def _figures(batch: dict[str, Any]) -> tuple[str, ...]:
    state = batch["state"].removeprefix("STATE_")
    debits = ", ".join(money(total["debit"]) for total in batch.get("totals", []))
    counts = (str(batch.get(name, 0)) for name in ("journalCount", "lineCount"))
    return (str(batch["number"]), state, *counts, debits)


@books.command("export")
def export(
    batch_id: Annotated[str, typer.Argument(help="Id of the batch.")], data: DataDir = DATA
) -> None:
    """One batch: its documents in the ERP and what was said about each."""
    batch = _rest(data).get(f"/v1/export-batches/{batch_id}")["batch"]
    console.print(f"{batch['legalEntity']} {batch['book']} no. {batch['number']} {batch['state']}")
    told = (batch.get("ackedCount", 0), batch.get("rejectedCount", 0))
    console.print(f"{batch['journalCount']} journals: the ERP has {told[0]}, refused {told[1]}")
    table = Table("external id", "date", "state", "journals", "tries", "in the ERP", "said")
    for group in batch.get("groups", []):
        said = f"{group.get('code', '')} {group.get('detail', '')}".strip()
        table.add_row(
            group["externalId"],
            group["accountingDate"],
            group["state"].removeprefix("STATE_"),
            str(group["journalCount"]),
            str(group.get("attempts", 0)),
            group.get("erpRef", ""),
            said,
        )
    console.print(table)


@books.command("unexported")
def unexported(entity: Entity = "", data: DataDir = DATA) -> None:
    """Journals the ERP cannot get as things are, and what would help."""
    table = Table("journal", "entity", "no.", "date", "code", "what", "hint")
    query = {"legalEntity": entity}
    for hold in all_pages(_rest(data), "/v1/export-holds", "holds", **query):
        place = (hold["journalId"], hold["legalEntity"], str(hold["sequence"]))
        words = (hold["code"], hold.get("detail", ""), hold.get("hint", ""))
        table.add_row(*place, hold["accountingDate"], *words)
    console.print(table)
