"""Speaks to the provider over HTTP: pushes payment commands, looks them up, pages movements."""

import json
from collections.abc import Mapping
from typing import ClassVar

from tandem_connector_sdk.documents import Page, RawDocument
from tandem_connector_sdk.errors import OutcomeUnknown, Rejected
from tandem_connector_sdk.http import HttpCall, HttpClient
from tandem_connector_sdk.json_fields import JsonFields, read_json_object
from tandem_connector_sdk.models import (
    PaymentAction,
    PaymentCommand,
    PaymentOutcome,
    PaymentResult,
)
from tandem_connector_sdk.plugin import Link
from tandem_core.money import Money

LOOKUP_TIMEOUT_SECONDS = 5.0
POLL_TIMEOUT_SECONDS = 10.0

_PATHS = {
    PaymentAction.AUTHORISE: "/v1/authorisations",
    PaymentAction.CAPTURE: "/v1/authorisations/{ref}/captures",
    PaymentAction.VOID: "/v1/authorisations/{ref}/void",
    PaymentAction.REFUND: "/v1/captures/{ref}/refunds",
}
# Refusals the provider means for good; other answers of 4xx are faults of ours.
_DECLINES = ("HTTP_402", "HTTP_409", "HTTP_422")


class PaymentSimulatorClient:
    """The command's id is idempotency key and reference, so that a lost answer can be found."""

    actions: ClassVar[frozenset[str]] = frozenset(PaymentAction)
    streams: ClassVar[frozenset[str]] = frozenset({"transactions"})

    def __init__(self, http: HttpClient, key: str) -> None:
        self._http = http
        self._headers = {"authorization": f"Bearer {key}"} if key else {}

    async def push(self, command: PaymentCommand, timeout_seconds: float) -> PaymentResult:
        """Raises a ConnectorError; OutcomeUnknown when the provider may have done it."""
        call = HttpCall(
            "POST",
            _PATHS[command.action].format(ref=command.provider_ref),
            body=json.dumps(_body(command)).encode(),
            headers=self._headers
            | {"content-type": "application/json", "idempotency-key": command.command_id},
        )
        try:
            reply = await self._http.call(call, timeout_seconds)
        except OutcomeUnknown as error:
            raise OutcomeUnknown(str(error), command.command_id) from error
        except Rejected as error:
            if error.reason in _DECLINES:
                return await self._declined(command, error)
            raise
        return result_of(read_json_object(reply.body))

    async def _declined(self, command: PaymentCommand, error: Rejected) -> PaymentResult:
        """The provider keeps refusals too: its own record tells when and why."""
        found = await self.find(command)
        if found is None:
            raise error
        return found

    async def find(self, command: PaymentCommand) -> PaymentResult | None:
        """What the provider holds under the command's id; None when it never got it."""
        call = HttpCall(
            "GET", "/v1/operations", headers=self._headers, query={"reference": command.command_id}
        )
        reply = await self._http.call(call, LOOKUP_TIMEOUT_SECONDS)
        for operation in read_json_object(reply.body).items("operations"):
            return result_of(operation)
        return None

    async def page(self, stream: str, cursor: bytes | None, limit: int) -> Page:
        """Captures and refunds after the cursor, oldest first."""
        query = {"limit": str(limit), "cursor": (cursor or b"").decode()}
        call = HttpCall("GET", f"/v1/{stream}", headers=self._headers, query=query)
        reply = await self._http.call(call, POLL_TIMEOUT_SECONDS)
        page = read_json_object(reply.body)
        documents = (RawDocument(stream, reply.body),) if page.has_items(stream) else ()
        return Page(documents, page.text("next_cursor").encode(), page.flag("more"))

    async def check(self) -> None:
        """Raises a ConnectorError when the provider does not answer."""
        await self._http.call(HttpCall("GET", "/health"), LOOKUP_TIMEOUT_SECONDS)

    async def close(self) -> None:
        """Lets its connections go."""
        await self._http.close()


def result_of(operation: JsonFields) -> PaymentResult:
    """An operation of the provider as the answer to a command."""
    succeeded = operation.text("status") == "succeeded"
    return PaymentResult(
        outcome=PaymentOutcome.SUCCEEDED if succeeded else PaymentOutcome.DECLINED,
        amount=money_of(operation),
        complete_time=operation.instant("created_at"),
        provider_ref=operation.text("id") if succeeded else "",
        decline_reason=operation.text("decline_reason", ""),
    )


def money_of(operation: JsonFields) -> Money:
    """The provider writes whole minor units."""
    amount = operation.part("amount")
    return Money(amount.text("currency"), amount.integer("value", at_least=0))


def _body(command: PaymentCommand) -> Mapping[str, object]:
    return {
        "reference": command.command_id,
        "order_reference": command.order_id,
        "amount": {
            "currency": command.amount.currency_code,
            "value": command.amount.minor_units,
        },
    }


def open_client(link: Link, hosts: frozenset[str]) -> PaymentSimulatorClient:
    """A client of the connection's `base_url`; its first secret is the key."""
    http = HttpClient(str(link.settings["base_url"]), hosts_allowed=hosts)
    key = link.secrets.values[0].decode() if link.secrets.values else ""
    return PaymentSimulatorClient(http, key)
