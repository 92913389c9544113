"""``tandem``: start the suite, play a day, look at it, repair and replay."""

from __future__ import annotations

import json
import shutil
import signal
import sys
import threading
import time
from pathlib import Path
from typing import Annotated, Any

import httpx
import psutil
import typer
from rich.console import Console
from rich.table import Column, Table
from tandem_platform.remote_error import RemoteError
from tandem_testing.embedded_postgres import EmbeddedPostgres

from tandem_local.books_cli import books
from tandem_local.day import DayResult, TradingDay
from tandem_local.demo_connections import write_connections
from tandem_local.layout import Layout, Running
from tandem_local.operator_calls import WITH_OPERATIONS, OperatorCalls
from tandem_local.report import print_report
from tandem_local.rest_client import NotReached, RestClient
from tandem_local.secrets_of_suite import ensure_secrets
from tandem_local.stock_cli import stock
from tandem_local.suite import Suite

app = typer.Typer(no_args_is_help=True, add_completion=False, help=__doc__)
dlq = typer.Typer(no_args_is_help=True, help="Dead letters: what could not be applied.")
app.add_typer(dlq, name="dlq")
app.add_typer(stock, name="stock")
app.add_typer(books, name="books")
PIPED_COLUMNS = 110
console = Console(width=None if sys.stdout.isatty() else PIPED_COLUMNS)

DATA = Path("data")
DataDir = Annotated[
    Path, typer.Option("--data", envvar="TANDEM_DATA", help="Folder of the suite's data.")
]


def _layout(data: Path) -> Layout:
    return Layout(data.resolve())


def _rest(layout: Layout, running: Running) -> RestClient:
    return RestClient(running.rest, layout.api_key.read_text().strip())


@app.command()
def up(
    data: DataDir = DATA,
    day: Annotated[bool, typer.Option(help="Play a trading day once everything runs.")] = True,
    stay: Annotated[bool, typer.Option(help="Keep serving after the day.")] = True,
) -> None:
    """Starts Postgres, NATS and all services, plays a day, and serves until Ctrl-C."""
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    suite = Suite(_layout(data))
    failed: list[Exception] = []
    began = time.monotonic()
    try:
        suite.start()
        console.print(f"all services ready after {time.monotonic() - began:.1f} s, {suite.rest}")
        if day:
            player = threading.Thread(target=_play, args=(suite, failed, stop, stay), daemon=True)
            player.start()
        if day or stay:
            suite.watch(stop)
    finally:
        console.print("stopping")
        suite.stop()
    if failed:
        raise typer.Exit(1)


def _play(suite: Suite, failed: list[Exception], stop: threading.Event, stay: bool) -> None:
    try:
        play_day(suite.layout, Running(0, suite.ports))
        if stay:
            console.print(f"serving on {suite.rest}; Ctrl-C stops, a second start continues")
    except Exception as error:  # noqa: BLE001 - shown here, and in the exit code
        console.print(f"[red]the day stopped: {error}[/red]")
        failed.append(error)
    if not stay or failed:
        stop.set()


@app.command("day")
def play_another_day(data: DataDir = DATA) -> None:
    """Plays another trading day on the running suite and prints its report."""
    layout = _layout(data)
    try:
        play_day(layout, Running.read(layout))
    except NotReached as error:
        console.print(f"[red]{error}[/red]")
        raise typer.Exit(1) from error


def play_day(layout: Layout, running: Running) -> DayResult:
    """One day and its report; its number is one more than the last one's on this data."""
    counter = layout.data / "days"
    number = int(counter.read_text()) + 1 if counter.exists() else 1
    counter.write_text(str(number))
    rest = _rest(layout, running)
    provider = f"http://127.0.0.1:{running.ports.payments}"
    began = time.monotonic()

    def say(line: str) -> None:
        console.print(f"[dim]{time.monotonic() - began:6.1f} s[/dim]  {line}")

    try:
        result = TradingDay(rest, provider, layout, number, say).play()
        print_report(console, rest, running.rest, result)
    finally:
        rest.close()
    return result


@app.command()
def status(data: DataDir = DATA) -> None:
    """Health of the services, relay lag, gaps, dead letters."""
    layout = _layout(data)
    found = OperatorCalls(layout, Running.read(layout)).statuses()
    table = Table(
        "service", "state", "unpublished", "oldest ms", "consumers", "gaps", "dead", "commands"
    )
    healthy = True
    for service, answer in found.items():
        if isinstance(answer, RemoteError):
            healthy = False
            table.add_row(service, f"[red]{answer.code.name}[/red]", *[""] * 6)
            continue
        faults = [d.name for d in answer.dependencies if not d.reachable]
        healthy = healthy and not faults
        state = f"[red]no {', '.join(faults)}[/red]" if faults else "serving"
        pending = " ".join(f"{c.stream}:{c.pending_messages}" for c in answer.consumers)
        gaps = sum(consumer.open_gaps for consumer in answer.consumers)
        figures = (
            answer.unpublished_events,
            answer.oldest_unpublished_age_ms,
            pending or "-",
            gaps,
            answer.open_dead_letters,
            answer.pending_commands,
        )
        table.add_row(service, state, *(str(figure) for figure in figures))
    ready = rest_is_ready(layout)
    table.add_row("gateway", "serving" if ready else "[red]not ready[/red]", *[""] * 6)
    console.print(table)
    if not healthy or not ready:
        raise typer.Exit(1)


def rest_is_ready(layout: Layout) -> bool:
    """Whether the REST door says so itself."""
    try:
        answer = httpx.get(f"{Running.read(layout).rest}/readyz", timeout=2.0)
    except httpx.HTTPError:
        return False
    return answer.status_code == 200


@app.command("secrets")
def make_secrets(
    data: DataDir = DATA,
    provider: Annotated[str, typer.Option(help="Address of the payment provider.")] = "",
) -> None:
    """Makes the keys and the connections file of an installation, once; for containers."""
    layout = _layout(data)
    layout.data.mkdir(parents=True, exist_ok=True)
    ensure_secrets(layout)
    write_connections(layout, provider)
    console.print(f"keys are in {layout.secrets}")


@app.command()
def clean(data: DataDir = DATA) -> None:
    """Removes the suite's data; refused while it runs."""
    layout = _layout(data)
    if layout.running.exists() and psutil.pid_exists(Running.read(layout).pid):
        raise SystemExit("the suite is running; stop it first")
    EmbeddedPostgres(layout.data / "postgres").wipe()
    shutil.rmtree(layout.data, ignore_errors=True)
    console.print(f"removed {layout.data}")


@app.command()
def trace(order: str, data: DataDir = DATA) -> None:
    """An order's story: every step with its time and trace. ORDER is an id, external id or name."""
    layout = _layout(data)
    rest = _rest(layout, Running.read(layout))
    found = _find_order(rest, order)
    console.print(
        f"order {found['id']}  {found['displayName']}  {found['state']}  "
        f"trace {found.get('traceId') or '-'}"
    )
    table = Table("version", "when", "event", "trace")
    for entry in rest.get(f"/v1/orders/{found['id']}/timeline").get("entries", []):
        row = (entry["version"], entry["occurTime"], entry["eventName"], entry.get("traceId", ""))
        table.add_row(*(str(value) for value in row))
    console.print(table)
    for journal in rest.get("/v1/journals", orderId=found["id"]).get("journals", []):
        console.print(
            f"journal {journal['sequence']:>6}  {journal['eventType']:<20} {journal['ruleId']}"
        )


def _find_order(rest: RestClient, name: str) -> dict[str, Any]:
    if len(name) == 36 and name.count("-") == 4:
        order: dict[str, Any] = rest.get(f"/v1/orders/{name}")["order"]
        return order
    by_id = rest.get("/v1/orders", externalId=name).get("orders", [])
    by_name = [o for o in rest.get("/v1/orders").get("orders", []) if o["displayName"] == name]
    if not by_id and not by_name:
        raise SystemExit(f"no order is known as {name}")
    found: dict[str, Any] = (by_id or by_name)[0]
    return found


@dlq.command("list")
def dlq_list(data: DataDir = DATA) -> None:
    """Open dead letters of all services, and parked documents of the connectors."""
    layout = _layout(data)
    running = Running.read(layout)
    calls = OperatorCalls(layout, running)
    table = Table("service", Column("id", no_wrap=True, min_width=36), "what", "reason", "detail")
    for service in WITH_OPERATIONS:
        for letter in calls.dead_letters(service):
            what = f"{letter.event_type.rpartition('.')[2]} {letter.aggregate_id}"
            table.add_row(service, letter.id, what, letter.reason, letter.detail)
    parked = _rest(layout, running).get("/v1/inbound-documents", state="STATE_PARKED")
    for item in parked.get("documents", []):
        field = f"{item.get('field', '')} {item.get('detail', '')}".strip()
        table.add_row("connectors", item["id"], item["kind"], item["reason"], field)
    console.print(table)


@dlq.command("show")
def dlq_show(letter_id: str, data: DataDir = DATA) -> None:
    """One dead letter with its payload (personal fields masked)."""
    layout = _layout(data)
    service, letter = OperatorCalls(layout, Running.read(layout)).dead_letter(letter_id)
    console.print(f"{service}  {letter.reason}: {letter.detail}  attempts {letter.attempts}")
    console.print_json(letter.payload_json or "{}")


@dlq.command("requeue")
def dlq_requeue(
    letter_id: str,
    data: DataDir = DATA,
    payload: Annotated[Path | None, typer.Option(help="File with a repaired payload.")] = None,
) -> None:
    """Sends a dead letter round again, as it is or repaired."""
    layout = _layout(data)
    repaired = payload.read_text() if payload else ""
    if repaired:
        json.loads(repaired)
    letter = OperatorCalls(layout, Running.read(layout)).requeue(letter_id, repaired)
    console.print(f"{letter.id} is sent round; its state is now {letter.state}")


@app.command()
def replay(
    service: str,
    aggregate_type: Annotated[str, typer.Option(help="Only this kind, for example order.")] = "",
    aggregate_id: Annotated[str, typer.Option(help="Only this one.")] = "",
    dry_run: Annotated[bool, typer.Option(help="Only count.")] = True,
    data: DataDir = DATA,
) -> None:
    """Publishes events of SERVICE's journal again; consumers drop what they applied before."""
    layout = _layout(data)
    calls = OperatorCalls(layout, Running.read(layout))
    answer = calls.replay(service, aggregate_type, aggregate_id, dry_run=dry_run)
    done = "would be" if dry_run else "are"
    count = answer.matched_events if dry_run else answer.republished_events
    console.print(f"{answer.matched_events} events match; {count} {done} published again")


def main() -> None:
    """The command line."""
    sys.exit(app())


if __name__ == "__main__":
    main()
