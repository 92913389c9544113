"""A published file of another dialect translates too; it lies beside the repository."""

from pathlib import Path

import pytest
from tandem_connector_poslog.translator import PoslogTranslator
from tandem_connector_sdk.documents import RawDocument, TranslationContext
from tandem_connector_sdk.models import SaleReported
from tandem_core.errors import QuantityNotExact
from tandem_core.money import Money

SAMPLE = (
    Path(__file__).resolve().parents[5] / "shared" / "samples" / "pos" / "poslog"
) / "ncr_acs_small.xml"

pytestmark = pytest.mark.skipif(
    not SAMPLE.is_file(), reason="the public samples are not beside this repository"
)


def test_the_published_sale_of_weighed_goods_needs_their_scale() -> None:
    document = RawDocument("small.xml", SAMPLE.read_bytes())
    settings: dict[str, object] = {"time_zone": "-05:00"}
    with pytest.raises(QuantityNotExact) as caught:
        PoslogTranslator().translate(document, TranslationContext("stores", settings))
    assert caught.value.metadata()["value"] == "0.42"
    settings["sku_scales"] = {"00000000067591": 3}
    translation = PoslogTranslator().translate(document, TranslationContext("stores", settings))
    (sale,) = translation.events
    assert isinstance(sale, SaleReported)
    assert sale.aggregate_key == "store-9|34|2017-09-30|161"
    assert (sale.sale.lines[0].quantity, sale.sale.due) == (420, Money("USD", 126))
    assert {finding.code for finding in translation.findings} == {
        "TOTALS_DISAGREE",
        "TENDERS_DISAGREE",
        "PASSED_OVER",
    }
