"""POSLog passes the suite every connector passes."""

from pathlib import Path

import pytest
from tandem_connector_poslog.plugin import plugin
from tandem_connector_sdk.conformance import BronzeConformance, Case

FIXTURES = Path(__file__).parent.parent / "fixtures"


def _add_unknown(body: bytes) -> bytes:
    unknown = b'<New xmlns="urn:newer" since="7"><Deep>1</Deep></New>'
    for end in (b"</Sale>", b"</RetailTransaction>", b"</Transaction>", b"</arts:Transaction>"):
        body = body.replace(end, unknown + end)
    return body


@pytest.fixture
def case() -> Case:
    """The connector with its own samples."""
    return Case(
        plugin=plugin,
        folder=FIXTURES,
        kinds={"store_day.xml": "store_day.xml", "sign_on_only.xml": "sign_on_only.xml"},
        add_unknown=_add_unknown,
        settings={
            "time_zone": "-05:00",
            "sku_scales": {"APPLE-KG": 3},
            "stores": {"101": {"location": "store-101", "channel": "store-101"}},
        },
        personal=("Canary Cashier", "canary-loyalty-0042"),
    )


class TestPoslogIsBronze(BronzeConformance):
    """The translation rules of the suite."""
