"""The ASGI application: raw doors, documents, health, and every route of the contracts."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from tandem_platform.health import Health

from tandem_gateway.entrypoints.rest import problem_pages
from tandem_gateway.entrypoints.rest.door import through_the_door
from tandem_gateway.entrypoints.rest.ingress_endpoints import (
    FILE_ROUTE,
    WEBHOOK_ROUTE,
    FileEndpoint,
    WebhookEndpoint,
)
from tandem_gateway.entrypoints.rest.oauth_endpoint import OAUTH_ROUTE, OAuthEndpoint
from tandem_gateway.entrypoints.rest.openapi.document import openapi_document
from tandem_gateway.entrypoints.rest.path_template import compile_template
from tandem_gateway.entrypoints.rest.rpc_endpoint import RpcEndpoint

ANY_PATH = "/{path:path}"
OPENAPI_ROUTE = "/openapi.json"
# Methods of the doors below that no rpc stands behind, for 405 with `Allow`.
OTHER_DOORS = tuple(
    (compile_template(path), verb)
    for path, verb in (
        (OAUTH_ROUTE, "POST"),
        (WEBHOOK_ROUTE, "POST"),
        (FILE_ROUTE, "PUT"),
        (OPENAPI_ROUTE, "GET"),
        (problem_pages.LIST_ROUTE, "GET"),
        (problem_pages.PAGE_ROUTE, "GET"),
        ("/healthz", "GET"),
        ("/readyz", "GET"),
    )
)
Handler = Callable[[Request], Awaitable[Response]]
ALL_METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]


@dataclass(frozen=True)
class RestEndpoints:
    """What the application serves."""

    rpcs: RpcEndpoint
    webhooks: WebhookEndpoint
    files: FileEndpoint
    oauth: OAuthEndpoint
    health: Health
    version: str


def rest_app(endpoints: RestEndpoints) -> Starlette:
    """The application."""
    document = json.dumps(openapi_document(endpoints.rpcs.table.routes, endpoints.version))

    async def openapi(request: Request) -> Response:
        async def handle() -> Response:
            return Response(document, media_type="application/json")

        return await through_the_door(request, OPENAPI_ROUTE, handle)

    async def alive(_: Request) -> Response:
        return JSONResponse({"status": "alive"})

    async def ready(_: Request) -> Response:
        serving = endpoints.health.serving
        status = {"status": "ready" if serving else "not ready"}
        return JSONResponse(status, status_code=200 if serving else 503)

    return Starlette(
        routes=[
            Route("/healthz", alive, methods=["GET"]),
            Route("/readyz", ready, methods=["GET"]),
            Route(OPENAPI_ROUTE, openapi, methods=["GET"]),
            Route(problem_pages.LIST_ROUTE, problem_pages.list_problems, methods=["GET"]),
            Route(problem_pages.PAGE_ROUTE, problem_pages.show_problem, methods=["GET"]),
            Route(OAUTH_ROUTE, _as_endpoint(endpoints.oauth), methods=["POST"]),
            Route(WEBHOOK_ROUTE, _as_endpoint(endpoints.webhooks), methods=["POST"]),
            Route(FILE_ROUTE, _as_endpoint(endpoints.files), methods=["PUT"]),
            Route(ANY_PATH, _as_endpoint(endpoints.rpcs), methods=ALL_METHODS),
        ]
    )


def _as_endpoint(handler: Handler) -> Handler:
    """A plain function around a handler object: Starlette takes objects for ASGI applications."""

    async def endpoint(request: Request) -> Response:
        return await handler(request)

    return endpoint
