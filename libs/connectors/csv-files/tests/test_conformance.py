"""The file connector passes the suite every connector passes."""

from pathlib import Path

import pytest
from tandem_connector_csv_files.plugin import plugin
from tandem_connector_sdk.conformance import BronzeConformance, Case

FIXTURES = Path(__file__).parent.parent / "fixtures"


def _add_unknown(body: bytes) -> bytes:
    lines = body.decode().splitlines()
    # Rows of some kinds end in an optional column: an added one always comes after it.
    return "\n".join(
        line if line.startswith("HEADER") else f"{line},new" for line in lines
    ).encode()


@pytest.fixture
def case() -> Case:
    """The connector with its own samples."""
    names = sorted(path.name for path in FIXTURES.glob("*.csv"))
    return Case(
        plugin=plugin,
        folder=FIXTURES,
        kinds={name: name for name in names},
        add_unknown=_add_unknown,
        settings={"sku_scales": {"APPLE-KG": 3}},
    )


class TestCsvFilesAreBronze(BronzeConformance):
    """The translation rules of the suite."""
