"""The simulated ERP keeps its books through a crash and commits the faults it was asked for."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from tandem_erp_simulator.process import ErpProcess
from tandem_testing.child_process import free_port

ENTRIES = "/api/resource/Journal Entry"
HEADERS = {"authorization": "token key:secret"}


@pytest.fixture
def erp(tmp_path: Path) -> Iterator[ErpProcess]:
    process = ErpProcess(tmp_path, free_port(), "key:secret")
    process.start()
    yield process
    process.stop()


def line(account: str, debit: str = "0.00", credit: str = "0.00") -> dict[str, str]:
    amounts = {"debit_in_account_currency": debit, "credit_in_account_currency": credit}
    head = {"account": account, "account_currency": "USD"}
    return head | amounts | {"debit": debit, "credit": credit}


def entry(name: str = "x", amount: str = "12.30", other: str = "12.30") -> dict[str, Any]:
    lines = [line("Bank", debit=amount), line("Sales", credit=other)]
    return {"cheque_no": name, "posting_date": "2026-03-02", "accounts": lines}


def send(erp: ErpProcess, method: str, path: str, body: object = None) -> httpx.Response:
    with httpx.Client(base_url=erp.url, headers=HEADERS, trust_env=False) as client:
        return client.request(method, path, json=body)


def posted(erp: ErpProcess, name: str = "x") -> str:
    created = send(erp, "POST", ENTRIES, entry(name)).json()["data"]["name"]
    assert send(erp, "PUT", f"{ENTRIES}/{created}", {"docstatus": 1}).is_success
    return str(created)


def test_a_draft_is_not_in_the_ledger_until_it_is_submitted(erp: ErpProcess) -> None:
    name = send(erp, "POST", ENTRIES, entry()).json()["data"]["name"]
    assert erp.ask("trial-balance")["accounts"] == []
    send(erp, "PUT", f"{ENTRIES}/{name}", {"docstatus": 1})
    found = erp.ask("trial-balance")["accounts"]
    assert [(row["account"], row["debit"], row["credit"]) for row in found] == [
        ("Bank", "12.30", "0.00"), ("Sales", "0.00", "12.30"),
    ]  # fmt: skip


def test_what_was_submitted_survives_a_crash_and_is_found_by_its_name(erp: ErpProcess) -> None:
    name = posted(erp)
    erp.stop(signal.SIGKILL)
    erp.start()
    query = f'{ENTRIES}?filters=[["cheque_no","=","x"]]'
    assert send(erp, "GET", query).json()["data"] == [{"name": name}]
    assert send(erp, "GET", f"{ENTRIES}/{name}").json()["data"]["docstatus"] == 1


def test_names_are_not_unique_unless_asked_for(erp: ErpProcess) -> None:
    posted(erp)
    posted(erp)
    assert erp.ask("entries")["twice"] == ["x"]
    erp.tell("unique", unique=True)
    assert send(erp, "POST", ENTRIES, entry()).status_code == 409


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (entry(other="12.31"), "ValidationError"),
        (entry(amount="-1"), "ValidationError"),
        ({"cheque_no": "x", "accounts": []}, "ValidationError"),
        ([], "ValidationError"),
    ],
)
def test_an_entry_that_cannot_be_is_refused(erp: ErpProcess, body: object, kind: str) -> None:
    answer = send(erp, "POST", ENTRIES, body)
    assert (answer.status_code, answer.json()["exc_type"]) == (417, kind)


def test_a_frozen_account_is_named_by_its_row(erp: ErpProcess) -> None:
    erp.tell("accounts", account="Sales", frozen=True)
    answer = send(erp, "POST", ENTRIES, entry())
    assert (answer.status_code, answer.json()["message"]) == (417, "Row #2: Account is frozen")
    erp.tell("accounts", account="Sales", frozen=False)
    assert send(erp, "POST", ENTRIES, entry()).is_success


@pytest.mark.parametrize(
    ("fault", "status"), [("rate_limit", 429), ("maintenance", 503), ("server_error", 500)]
)
def test_a_planned_fault_happens_as_often_as_planned_and_does_nothing(
    erp: ErpProcess, fault: str, status: int
) -> None:
    erp.tell("faults", fault=fault, action="create", times=2)
    assert [send(erp, "POST", ENTRIES, entry()).status_code for _ in range(3)] == [
        status, status, 200,
    ]  # fmt: skip
    assert erp.ask("entries")["by_docstatus"] == {"0": 1}


def test_a_lost_reply_is_lost_after_the_work_is_done(erp: ErpProcess) -> None:
    erp.tell("faults", fault="lose_reply", action="create", times=1)
    with pytest.raises(httpx.RemoteProtocolError):
        send(erp, "POST", ENTRIES, entry())
    assert erp.ask("entries")["by_docstatus"] == {"0": 1}


def test_a_wrong_key_is_refused_and_a_submitted_entry_is_immutable(erp: ErpProcess) -> None:
    with httpx.Client(base_url=erp.url, trust_env=False) as client:
        assert client.post(ENTRIES, json=entry()).status_code == 401
    name = posted(erp)
    assert send(erp, "PUT", f"{ENTRIES}/{name}", {"docstatus": 0}).status_code == 417
    assert send(erp, "PUT", f"{ENTRIES}/{name}", {"docstatus": 2}).is_success
    assert erp.ask("trial-balance")["accounts"] == []
    assert send(erp, "GET", f"{ENTRIES}/ACC-JV-0000099").status_code == 404


def test_new_books_are_empty_and_without_faults(erp: ErpProcess) -> None:
    posted(erp)
    erp.tell("accounts", account="Sales", frozen=True)
    erp.tell("faults", fault="maintenance", times=5)
    erp.stop()
    erp.wipe()
    assert erp.ask("entries") == {"by_docstatus": {}, "twice": []}
    assert send(erp, "POST", ENTRIES, entry()).is_success
