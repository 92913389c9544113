"""The provider's HTTP face: operations, their list, and doors for tests and demos under /admin."""

import asyncio
import hmac
from collections.abc import Awaitable, Callable
from pathlib import Path

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from tandem_connector_sdk.errors import DocumentFieldInvalid
from tandem_connector_sdk.json_fields import JsonFields, read_json_object
from tandem_connector_sdk.simulators.lost_reply import LostReply
from tandem_connector_sdk.simulators.planned_faults import (
    SECONDS_MAX,
    TIMES_MAX,
    Faults,
    Planned,
)
from tandem_core.currencies import currency_exponent
from tandem_core.errors import DomainError

from tandem_connector_payment_simulator.server.faults import Fault
from tandem_connector_payment_simulator.server.ledger import Asked, Ledger, ReferenceReused

RETRY_AFTER_SECONDS = "1"
Handler = Callable[[Request], Awaitable[Response]]


class Provider:
    """Answers requests from the ledger; all state that must survive is in there."""

    def __init__(self, ledger: Ledger, key: bytes) -> None:
        self._ledger = ledger
        self._key = key
        self.faults: Faults[Fault] = Faults()

    def app(self) -> Starlette:
        """The ASGI application."""
        ours = [
            Route("/v1/authorisations", self._operation("authorisation"), methods=["POST"]),
            Route(
                "/v1/authorisations/{ref}/captures", self._operation("capture"), methods=["POST"]
            ),
            Route("/v1/authorisations/{ref}/void", self._operation("void"), methods=["POST"]),
            Route("/v1/captures/{ref}/refunds", self._operation("refund"), methods=["POST"]),
            Route("/v1/operations", self._checked(self._find)),
            Route("/v1/transactions", self._checked(self._movements)),
            Route("/health", self._health),
            Route("/admin/captures", self._checked(self._plant), methods=["POST"]),
            Route("/admin/totals", self._checked(self._totals)),
            Route("/admin/faults", self._checked(self._list_faults), methods=["GET"]),
            Route("/admin/faults", self._checked(self._plan_fault), methods=["POST"]),
            Route("/admin/faults", self._checked(self._clear_faults), methods=["DELETE"]),
        ]
        return Starlette(routes=ours)

    def _checked(self, handler: Handler) -> Handler:
        """Refuses a wrong key and tells which field of a body is wrong."""

        async def checked(request: Request) -> Response:
            given = request.headers.get("authorization", "").removeprefix("Bearer ").encode()
            if self._key and not hmac.compare_digest(given, self._key):
                return JSONResponse({"error": "unauthorized"}, 401)
            try:
                return await handler(request)
            except DomainError as error:
                body = {"error": error.reason.lower(), **error.metadata()}
                return JSONResponse(body, 400)

        return checked

    def _operation(self, kind: str) -> Handler:
        async def perform(request: Request) -> Response:
            key = request.headers.get("idempotency-key", "")
            if not key:
                raise DocumentFieldInvalid("idempotency-key", "", "is missing")
            asked = _asked(kind, request, read_json_object(await request.body()), key)
            return await self._with_faults(asked)

        return self._checked(perform)

    async def _with_faults(self, asked: Asked) -> Response:
        delay = self.faults.take(Fault.DELAY, asked.kind)
        if delay:
            await asyncio.sleep(delay.seconds)
        if self.faults.take(Fault.RATE_LIMIT, asked.kind):
            limited = {"retry-after": RETRY_AFTER_SECONDS}
            return JSONResponse({"error": "rate_limited"}, 429, headers=limited)
        if self.faults.take(Fault.SERVER_ERROR, asked.kind):
            return JSONResponse({"error": "internal"}, 500)
        decline = "do_not_honour" if self.faults.take(Fault.DECLINE, asked.kind) else ""
        try:
            done = self._ledger.perform(asked, decline)
        except ReferenceReused:
            return JSONResponse({"error": "idempotency_key_reused"}, 400)
        if self.faults.take(Fault.LOSE_REPLY, asked.kind):
            return LostReply()
        return JSONResponse(done, 201 if done["status"] == "succeeded" else 402)

    async def _find(self, request: Request) -> Response:
        reference = request.query_params.get("reference", "")
        return JSONResponse({"operations": self._ledger.by_reference(reference)})

    async def _movements(self, request: Request) -> Response:
        after = _number(request, "cursor", 0)
        rows, last, more = self._ledger.movements(after, _number(request, "limit", 50))
        return JSONResponse({"transactions": rows, "next_cursor": str(last), "more": more})

    async def _plant(self, request: Request) -> Response:
        """A capture nobody asked for: what reconciliation must find."""
        body = read_json_object(await request.body())
        amount = body.part("amount")
        asked = Asked(
            kind="capture",
            reference=body.text("reference", "") or None,
            parent="",
            order_reference=body.text("order_reference", ""),
            currency=_currency(amount),
            value=amount.integer("value", at_least=1),
        )
        return JSONResponse(self._ledger.perform(asked), 201)

    async def _totals(self, request: Request) -> Response:
        return JSONResponse({"totals": self._ledger.totals()})

    async def _health(self, request: Request) -> Response:
        return JSONResponse({"status": "ok"})

    async def _list_faults(self, request: Request) -> Response:
        return JSONResponse({"faults": self.faults.shown()})

    async def _plan_fault(self, request: Request) -> Response:
        body = read_json_object(await request.body())
        name = body.text("fault")
        if name not in set(Fault):
            raise DocumentFieldInvalid("fault", name, f"one of {', '.join(Fault)}")
        planned = Planned(
            Fault(name),
            body.text("action", "*"),
            min(body.integer("times", 1, at_least=1), TIMES_MAX),
            min(body.integer("seconds", 1, at_least=0), SECONDS_MAX),
        )
        self.faults.plan(planned)
        return JSONResponse({"faults": self.faults.shown()}, 201)

    async def _clear_faults(self, request: Request) -> Response:
        self.faults.clear()
        return JSONResponse({"faults": []})


def _asked(kind: str, request: Request, body: JsonFields, key: str) -> Asked:
    amount = body.part("amount")
    return Asked(
        kind=kind,
        reference=key,
        parent=request.path_params.get("ref", ""),
        order_reference=body.text("order_reference", ""),
        currency=_currency(amount),
        value=amount.integer("value", at_least=0 if kind == "void" else 1),
    )


def _currency(amount: JsonFields) -> str:
    currency = amount.text("currency")
    currency_exponent(currency, amount.path("currency"))
    return currency


def _number(request: Request, name: str, default: int) -> int:
    text = request.query_params.get(name, "")
    if text and not (text.isascii() and text.isdigit() and len(text) < 19):
        raise DocumentFieldInvalid(name, text, "number expected")
    return int(text) if text else default


def open_provider(data: Path, key: bytes) -> Provider:
    """The provider with the truth kept in `data`."""
    return Provider(Ledger(data), key)
