"""The day on one page: orders, stock, journals, balance, exceptions, and an order to follow."""

from __future__ import annotations

from collections import Counter
from typing import Any

from rich.console import Console, Group
from rich.panel import Panel
from rich.table import Table

from tandem_local.day import DayResult
from tandem_local.rest_client import RestClient

PAGES_MAX = 40
JOURNALS_SHOWN = 12


def print_report(console: Console, rest: RestClient, base_url: str, day: DayResult) -> None:
    """Reads everything through the REST door and prints it."""
    parts = (
        _orders(rest),
        _stock(rest),
        _journals(rest),
        _balance(rest),
        _checkpoints(day),
        _exceptions(day),
        _follow(base_url, day),
    )
    console.print(Panel(Group(*parts), title=f"Tandem, trading day {day.number}", expand=False))


def all_pages(rest: RestClient, path: str, name: str, **query: Any) -> list[dict[str, Any]]:
    """All items of a list, at most PAGES_MAX pages."""
    items: list[dict[str, Any]] = []
    token = ""
    for _ in range(PAGES_MAX):
        page = rest.get(path, pageSize=250, pageToken=token, **query)
        items += page.get(name, [])
        token = page.get("nextPageToken", "")
        if not token:
            break
    return items


def money(amount: dict[str, Any]) -> str:
    """Minor units of a two-digit currency as people write them."""
    minor = int(amount.get("minorUnits", 0))
    sign = "-" if minor < 0 else ""
    return f"{sign}{abs(minor) // 100}.{abs(minor) % 100:02d} {amount.get('currencyCode', '')}"


def _table(title: str, *columns: str) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold")
    for place, column in enumerate(columns):
        table.add_column(column, justify="left" if place == 0 else "right", overflow="fold")
    return table


def _short(value: str, prefix: str) -> str:
    return value.removeprefix(prefix).lower()


def _orders(rest: RestClient) -> Table:
    orders = all_pages(rest, "/v1/orders", "orders")
    counts = Counter((o["channel"], _short(o["state"], "STATE_")) for o in orders)
    table = _table("Orders by channel and state", "channel", "state", "orders")
    for (channel, state), count in sorted(counts.items()):
        table.add_row(channel, state, str(count))
    return table


def _stock(rest: RestClient) -> Table:
    names = ("onHand", "hardReserved", "unsettled", "available", "position")
    table = _table("Stock positions", "SKU at location", *names)
    for item in all_pages(rest, "/v1/stock-positions", "stockPositions"):
        figures = [str(item.get(name, 0)) for name in names]
        table.add_row(f"{item['sku']} at {item['location']}", *figures)
    return table


def _journals(rest: RestClient) -> Table:
    journals = all_pages(rest, "/v1/journals", "journals")
    table = _table(f"Journals (newest of {len(journals)})", "number", "event", "rule", "debits")
    for journal in journals[:JOURNALS_SHOWN]:
        debits = [x for x in journal["lines"] if x["side"] == "SIDE_DEBIT"]
        total = sum(int(line["amount"]["minorUnits"]) for line in debits)
        currency = debits[0]["amount"]["currencyCode"]
        table.add_row(
            str(journal["sequence"]),
            journal["eventType"],
            journal["ruleId"],
            money({"minorUnits": total, "currencyCode": currency}),
        )
    return table


def _balance(rest: RestClient) -> Table:
    found = rest.get("/v1/trial-balance")
    table = _table("Trial balance", "role", "debit", "credit", "balance")
    for row in found.get("balances", []):
        amounts = (money(row[name]) for name in ("debit", "credit", "balance"))
        table.add_row(row["role"], *amounts)
    differences = ", ".join(money(amount) for amount in found.get("differences", []))
    table.add_section()
    table.add_row("difference", "", "", differences or "0.00")
    return table


def _checkpoints(day: DayResult) -> Table:
    table = _table("Reconciliation", "checkpoint", "left", "right", "matched", "waiting", "open")
    for run in sorted(day.runs, key=lambda run: str(run["checkpoint"])):
        names = ("leftCount", "rightCount", "matchedCount", "waitingCount", "openExceptionCount")
        figures = [str(run.get(name, 0)) for name in names]
        table.add_row(f"{run['checkpoint']} {run['title']}", *figures)
    return table


def _exceptions(day: DayResult) -> Table:
    table = _table("Open exceptions", "type", "key", "amount", "says")
    for item in day.exceptions:
        planted = " (planted)" if item["key"] == day.planted_ref else ""
        detail = item.get("rightDetail") or item.get("leftDetail", "")
        table.add_row(item["type"] + planted, item["key"], money(item.get("amount", {})), detail)
    return table


def _follow(base_url: str, day: DayResult) -> Table:
    table = _table("Follow the web order", "what", "where")
    table.columns[1].justify = "left"
    table.add_row("trace id", day.trace_id or "(tracing is off)")
    table.add_row("order", f"{base_url}/v1/orders/{day.order_id}")
    table.add_row("timeline", f"{base_url}/v1/orders/{day.order_id}/timeline")
    table.add_row("journals", f"{base_url}/v1/journals?orderId={day.order_id}")
    table.add_row("exceptions", f"{base_url}/v1/exceptions?state=STATE_OPEN")
    table.add_row("contract", f"{base_url}/openapi.json")
    for note in day.notes:
        table.add_row("bad input", note)
    return table
