"""ERPNext over REST. It knows no idempotency: what is there is looked up before it is created.

Posting is two calls, create (a draft, not in its ledger yet) and submit; each may be lost on its
own, and the lookup finds either state again.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any
from urllib.parse import quote, urlsplit

from tandem_connector_sdk.errors import (
    ConnectorError,
    NotAuthorized,
    OutcomeUnknown,
    RateLimited,
    Rejected,
    TemporarilyUnavailable,
)
from tandem_connector_sdk.http import HttpCall, HttpClient
from tandem_platform.fault_points import fp

from tandem_finance_posting.adapters.erp.erpnext_document import EXTERNAL_ID, difference, to_entry
from tandem_finance_posting.domain.export_batch_answer import (
    Absent,
    Differs,
    ErpAnswer,
    NotDone,
    Posted,
    Refused,
    Unclear,
)
from tandem_finance_posting.domain.export_batch_lines import ErpDocument

PATH = f"/api/resource/{quote('Journal Entry')}"
DRAFT, SUBMITTED = 0, 1
DUPLICATE = "HTTP_409"
NOT_AUTHORIZED_WAIT_MS = 60_000
DETAIL_CHARACTERS_MAX = 400
_ROW = re.compile(r"Row #?([0-9]{1,6})")
_KIND = re.compile(r'"exc_type": ?"([A-Za-z]{1,80})"')


class AnswerUnreadable(Exception):
    """The ERP answered something that is no answer of it."""


class ErpNextGateway:
    """One company's or several companies' ERPNext; ``token`` is ``key:secret``."""

    def __init__(self, base_url: str, token: str, timeout_s: float) -> None:
        host = urlsplit(base_url).hostname or ""
        self._http = HttpClient(base_url, hosts_allowed=frozenset({host}))
        self._headers = {"authorization": f"token {token}", "content-type": "application/json"}
        self._timeout_s = timeout_s

    async def close(self) -> None:
        """Lets its connections go."""
        await self._http.close()

    async def post(self, document: ErpDocument) -> ErpAnswer:
        """Has the document posted, once."""
        try:
            return await self._post(document)
        except (ConnectorError, AnswerUnreadable) as error:
            return _answer(error)

    async def find(self, document: ErpDocument) -> ErpAnswer:
        """What it holds under the external id."""
        try:
            entry = await self._entry(document)
        except (ConnectorError, AnswerUnreadable) as error:
            return _answer(error)
        if isinstance(entry, Differs):
            return entry
        # A draft is not in its ledger: sending again finds and submits it.
        if entry is None or entry.get("docstatus") == DRAFT:
            return Absent()
        return _compared(entry, document)

    async def _post(self, document: ErpDocument) -> ErpAnswer:
        entry = await self._entry(document)
        if entry is None:
            try:
                body = json.dumps(to_entry(document)).encode()
                entry = await self._call("POST", PATH, body)
            except Rejected as error:
                if error.reason != DUPLICATE:
                    raise
                # Somebody was faster, perhaps ourselves in a call thought lost.
                entry = await self._entry(document)
        await fp("erpnext.after_draft")
        if entry is None or isinstance(entry, Differs):
            return entry or Unclear("refused as a duplicate that is not there")
        compared = _compared(entry, document)
        if not isinstance(compared, Posted) or entry.get("docstatus") == SUBMITTED:
            return compared
        name = str(entry.get("name"))
        submitted = await self._call("PUT", f"{PATH}/{quote(name)}", b'{"docstatus": 1}')
        return _compared(submitted, document)

    async def _entry(self, document: ErpDocument) -> dict[str, Any] | Differs | None:
        """The entry under the document's name; None without one."""
        query = {
            "filters": json.dumps([[EXTERNAL_ID, "=", document.external_id]]),
            "fields": '["name"]',
        }
        found = await self._read(PATH, query)
        if not isinstance(found, list):
            raise AnswerUnreadable("no list of entries")
        if not found:
            return None
        if len(found) > 1:
            names = ", ".join(str(row.get("name")) for row in found)
            return Differs(names, f"{len(found)} entries under one name")
        entry = await self._read(f"{PATH}/{quote(str(found[0].get('name')))}", {})
        if not isinstance(entry, dict):
            raise AnswerUnreadable("no entry")
        return entry

    async def _read(self, path: str, query: Mapping[str, str]) -> Any:
        call = HttpCall("GET", path, headers=self._headers, query=query)
        return _data((await self._http.call(call, self._timeout_s)).body)

    async def _call(self, method: str, path: str, body: bytes) -> dict[str, Any]:
        call = HttpCall(method, path, body=body, headers=self._headers)
        entry = _data((await self._http.call(call, self._timeout_s)).body)
        if not isinstance(entry, dict):
            raise AnswerUnreadable("no entry")
        return entry


def _data(body: bytes) -> Any:
    """Amounts are read exactly, whether they come as texts or as numbers."""
    try:
        return json.loads(body, parse_float=Decimal)["data"]
    except (ValueError, KeyError, TypeError) as error:
        raise AnswerUnreadable(type(error).__name__) from error


def _compared(entry: Mapping[str, Any], document: ErpDocument) -> ErpAnswer:
    name = str(entry.get("name"))
    if entry.get("docstatus") not in (DRAFT, SUBMITTED):
        return Differs(name, "it was cancelled")
    told = difference(entry, document)
    return Differs(name, told) if told else Posted(name)


def _answer(error: ConnectorError | AnswerUnreadable) -> ErpAnswer:
    detail = str(error)[:DETAIL_CHARACTERS_MAX]
    match error:
        case RateLimited():
            return NotDone("RATE_LIMITED", detail, int(error.retry_after_seconds * 1000))
        case TemporarilyUnavailable():
            return NotDone("UNAVAILABLE", detail)
        case NotAuthorized():
            # Somebody must renew the key; the document waits for that.
            return NotDone("NOT_AUTHORIZED", detail, NOT_AUTHORIZED_WAIT_MS)
        case Rejected():
            kind = _KIND.search(str(error))
            lines = tuple(sorted({int(number) for number in _ROW.findall(str(error))}))
            return Refused(kind.group(1) if kind else error.reason, detail, lines)
        case OutcomeUnknown():
            return Unclear(detail or "no answer came")
    return Unclear(detail)
