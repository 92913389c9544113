"""What every request passes: request id, trace, security headers, problems for all failures."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable

from opentelemetry.context import Context
from opentelemetry.trace import SpanKind
from starlette.requests import Request
from starlette.responses import Response
from tandem_core.ids import Uuid7Factory
from tandem_platform import metrics, telemetry
from tandem_platform.structured_logs import get_logger

from tandem_gateway.entrypoints.rest.problem import is_our_fault, problem_response

log = get_logger(__name__)

REQUEST_ID_HEADER = "X-Request-Id"
TRACE_ID_HEADER = "X-Trace-Id"
_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,128}")
_ids = Uuid7Factory()

SECURITY_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Strict-Transport-Security": "max-age=31536000",
    "Cache-Control": "no-store",
}

Handle = Callable[[], Awaitable[Response]]


async def through_the_door(
    request: Request, route: str, handle: Handle, *, trusted: bool = False
) -> Response:
    """Answers a request. ``route`` is a template, never a path: it names spans and metrics.

    The trace of the sender is continued only when it is ``trusted``: anybody else could hang its
    requests into other people's traces.
    """
    parent = telemetry.extract(dict(request.headers)) if trusted else Context()
    name = f"{request.method} {route}"
    with telemetry.span(name, kind=SpanKind.SERVER, parent=parent, linked=False) as span:
        span.set_attribute("http.request.method", request.method)
        span.set_attribute("http.route", route)
        try:
            response = await handle()
        except Exception as error:
            response = problem_response(error, instance=request.url.path)
            if is_our_fault(error):
                log.exception("request failed", route=route)
            if response.status_code >= 500:
                telemetry.record_error(span, type(error).__qualname__, error)
        span.set_attribute("http.response.status_code", response.status_code)
        response.headers[TRACE_ID_HEADER] = telemetry.current_trace_id()
    metrics.add("tandem_gateway_requests_total", route=route, status=str(response.status_code))
    response.headers[REQUEST_ID_HEADER] = _request_id(request)
    for header, value in SECURITY_HEADERS.items():
        response.headers.setdefault(header, value)
    return response


def _request_id(request: Request) -> str:
    """The sender's id when it is harmless, else a new one: it goes into headers and logs."""
    given = request.headers.get(REQUEST_ID_HEADER, "")
    return given if _REQUEST_ID.fullmatch(given) else _ids.new_id()
