"""The simulator's connector passes the suite every connector passes."""

import json
from pathlib import Path

import pytest
from tandem_connector_payment_simulator.plugin import plugin
from tandem_connector_sdk.conformance import BronzeConformance, Case

FIXTURES = Path(__file__).parent.parent / "fixtures"


def _add_unknown(body: bytes) -> bytes:
    page = json.loads(body)
    for part in (page, *page["transactions"]):
        part["added_by_a_newer_version"] = {"nested": [1, None]}
    return json.dumps(page).encode()


@pytest.fixture
def case() -> Case:
    """The connector with its own sample."""
    kinds = {"transactions.json": "transactions"}
    return Case(plugin=plugin, folder=FIXTURES, kinds=kinds, add_unknown=_add_unknown)


class TestPaymentSimulatorIsBronze(BronzeConformance):
    """The translation rules of the suite."""
