"""A page for each reason: what ``type`` of a problem document points to."""

from __future__ import annotations

import html

from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from tandem_platform.error_table import ErrorEntry, error_entries, error_entry

from tandem_gateway.domain.errors import RouteUnknown
from tandem_gateway.entrypoints.rest.door import through_the_door

LIST_ROUTE = "/problems"
PAGE_ROUTE = "/problems/{reason}"


async def list_problems(request: Request) -> Response:
    """All reasons as JSON."""

    async def handle() -> Response:
        entries = sorted(error_entries().values(), key=lambda e: e.reason)
        return JSONResponse({"problems": [_as_json(entry) for entry in entries]})

    return await through_the_door(request, LIST_ROUTE, handle)


async def show_problem(request: Request) -> Response:
    """One reason, as a page for people or as JSON."""

    async def handle() -> Response:
        entry = error_entry(request.path_params["reason"])
        if entry is None:
            raise RouteUnknown(request.url.path[:200])
        if "text/html" in request.headers.get("accept", ""):
            return HTMLResponse(_page(entry))
        return JSONResponse(_as_json(entry))

    return await through_the_door(request, PAGE_ROUTE, handle)


def _as_json(entry: ErrorEntry) -> dict[str, str | int | bool]:
    return {
        "reason": entry.reason,
        "area": entry.area,
        "title": entry.title,
        "http_status": entry.http_status,
        "grpc_code": entry.code.name,
        "retryable": entry.retryable,
        "description": entry.description,
    }


def _page(entry: ErrorEntry) -> str:
    retry = "The same request may succeed later." if entry.retryable else ""
    return (
        f"<!doctype html><html lang=en><title>{html.escape(entry.reason)}</title>"
        f"<h1>{html.escape(entry.title)}</h1>"
        f"<p>HTTP {entry.http_status}, gRPC {entry.code.name}, {html.escape(entry.reason)}.</p>"
        f"<pre>{html.escape(entry.description)}</pre><p>{retry}</p></html>"
    )
