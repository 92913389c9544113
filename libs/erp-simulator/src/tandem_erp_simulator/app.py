"""The ERP's HTTP face, and doors for tests and demos under /admin."""

from __future__ import annotations

import asyncio
import hmac
import json
from collections.abc import Awaitable, Callable, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from tandem_connector_sdk.simulators.lost_reply import LostReply
from tandem_connector_sdk.simulators.planned_faults import (
    SECONDS_MAX,
    TIMES_MAX,
    Faults,
    Planned,
)

from tandem_erp_simulator.books import Books, Duplicate, Invalid
from tandem_erp_simulator.faults import Fault

RETRY_AFTER_SECONDS = "1"
ENTRY = "/api/resource/Journal Entry"
Handler = Callable[[Request], Awaitable[Response]]


class Erp:
    """Answers requests from the books; all state that must survive is in there."""

    def __init__(self, books: Books, token: str) -> None:
        self._books = books
        self._token = f"token {token}" if token else ""
        self.faults: Faults[Fault] = Faults()

    def app(self) -> Starlette:
        """The ASGI application."""
        routes = [
            Route(ENTRY, self._faulty("create", self._create), methods=["POST"]),
            Route(ENTRY, self._faulty("read", self._named), methods=["GET"]),
            Route(f"{ENTRY}/{{name}}", self._faulty("read", self._get), methods=["GET"]),
            Route(f"{ENTRY}/{{name}}", self._faulty("submit", self._submit), methods=["PUT"]),
            Route("/health", self._health),
            Route("/admin/faults", self._checked(self._list_faults), methods=["GET"]),
            Route("/admin/faults", self._checked(self._plan_fault), methods=["POST"]),
            Route("/admin/faults", self._checked(self._clear_faults), methods=["DELETE"]),
            Route("/admin/accounts", self._checked(self._freeze), methods=["POST"]),
            Route("/admin/unique", self._checked(self._set_unique), methods=["POST"]),
            Route("/admin/trial-balance", self._checked(self._trial_balance)),
            Route("/admin/entries", self._checked(self._entries), methods=["GET"]),
            Route("/admin/entries", self._checked(self._wipe), methods=["DELETE"]),
        ]
        return Starlette(routes=routes)

    def _checked(self, handler: Handler) -> Handler:
        """Refuses a wrong key; turns what is wrong with a request into ERPNext's answers."""

        async def checked(request: Request) -> Response:
            given = request.headers.get("authorization", "")
            if self._token and not hmac.compare_digest(given.encode(), self._token.encode()):
                return JSONResponse({"exc_type": "AuthenticationError"}, 401)
            try:
                return await handler(request)
            except Invalid as error:
                return JSONResponse({"exc_type": error.kind, "message": str(error)}, 417)
            except Duplicate as error:
                return JSONResponse({"exc_type": "DuplicateEntryError", "message": str(error)}, 409)
            except KeyError:
                return JSONResponse({"exc_type": "DoesNotExistError"}, 404)
            except ValueError as error:
                return JSONResponse({"exc_type": "ValidationError", "message": str(error)}, 417)

        return checked

    def _faulty(self, action: str, handler: Handler) -> Handler:
        checked = self._checked(handler)

        async def faulty(request: Request) -> Response:
            delay = self.faults.take(Fault.DELAY, action)
            if delay:
                await asyncio.sleep(delay.seconds)
            if self.faults.take(Fault.RATE_LIMIT, action):
                limited = {"retry-after": RETRY_AFTER_SECONDS}
                return JSONResponse({"exc_type": "RateLimitExceededError"}, 429, headers=limited)
            if self.faults.take(Fault.MAINTENANCE, action):
                return JSONResponse({"exc_type": "SessionStopped"}, 503)
            if self.faults.take(Fault.SERVER_ERROR, action):
                return JSONResponse({"exc_type": "InternalError"}, 500)
            done = await checked(request)
            return LostReply() if self.faults.take(Fault.LOSE_REPLY, action) else done

        return faulty

    async def _create(self, request: Request) -> Response:
        return JSONResponse({"data": self._books.create(await _body(request))})

    async def _submit(self, request: Request) -> Response:
        body = await _body(request)
        done = self._books.submit(request.path_params["name"], int(body["docstatus"]))
        return JSONResponse({"data": done})

    async def _named(self, request: Request) -> Response:
        filters = json.loads(request.query_params.get("filters", "[]"))
        if len(filters) != 1 or filters[0][:2] != ["cheque_no", "="]:
            raise Invalid("ValidationError", "only cheque_no can be looked up")
        names = self._books.named(str(filters[0][2]))
        return JSONResponse({"data": [{"name": name} for name in names]})

    async def _get(self, request: Request) -> Response:
        return JSONResponse({"data": self._books.get(request.path_params["name"])})

    async def _health(self, request: Request) -> Response:
        return JSONResponse({"status": "ok"})

    async def _list_faults(self, request: Request) -> Response:
        return JSONResponse({"faults": self.faults.shown()})

    async def _plan_fault(self, request: Request) -> Response:
        body = await _body(request)
        planned = Planned(
            Fault(str(body["fault"])),
            str(body.get("action", "*")),
            min(max(int(body.get("times", 1)), 1), TIMES_MAX),
            min(max(float(body.get("seconds", 1)), 0), SECONDS_MAX),
        )
        self.faults.plan(planned)
        return JSONResponse({"faults": self.faults.shown()}, 201)

    async def _clear_faults(self, request: Request) -> Response:
        self.faults.clear()
        return JSONResponse({"faults": []})

    async def _freeze(self, request: Request) -> Response:
        body = await _body(request)
        self._books.freeze(str(body["account"]), bool(body["frozen"]))
        return JSONResponse({})

    async def _set_unique(self, request: Request) -> Response:
        self._books.unique = bool((await _body(request))["unique"])
        return JSONResponse({})

    async def _trial_balance(self, request: Request) -> Response:
        return JSONResponse({"accounts": self._books.trial_balance()})

    async def _wipe(self, request: Request) -> Response:
        self._books.wipe()
        self.faults.clear()
        return JSONResponse({})

    async def _entries(self, request: Request) -> Response:
        return JSONResponse(self._books.entries())


async def _body(request: Request) -> Mapping[str, Any]:
    body = json.loads(await request.body(), parse_float=Decimal)
    if not isinstance(body, dict):
        raise Invalid("ValidationError", "a JSON object is needed")
    return body


def open_erp(data: Path, token: str) -> Erp:
    """The ERP with its books kept in ``data``."""
    return Erp(Books(data), token)
