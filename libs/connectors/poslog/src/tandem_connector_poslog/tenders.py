"""How a receipt was paid."""

from collections.abc import Iterable, Iterator

from tandem_connector_sdk.models import Tender, TenderType

from tandem_connector_poslog.store_settings import StoreSettings
from tandem_connector_poslog.xml_fields import XmlFields

_GIVEN_BACK = ("Refund", "Change")


def read_tenders(
    elements: Iterable[XmlFields], currency_code: str, settings: StoreSettings
) -> tuple[Tender, ...]:
    """What was given, and change as a negative amount; raises CodeUnmapped."""
    return tuple(
        tender for element in elements for tender in _tenders_of(element, currency_code, settings)
    )


def _tenders_of(
    element: XmlFields, currency_code: str, settings: StoreSettings
) -> Iterator[Tender]:
    code = element.attribute("TenderType")
    kind = settings.tender_type(code, element.at("@TenderType"))
    amount = element.money("Amount", currency_code=currency_code)
    back = element.attribute("TypeCode") in _GIVEN_BACK
    # Some dialects write what goes back negative already, some positive.
    amount = -amount if back and amount.minor_units > 0 else amount
    reference = element.text("Authorization/AuthorizationCode", default="")
    yield Tender(kind, amount, reference)
    change = element.first("TenderChange")
    if change:
        given = change.money("Amount", currency_code=currency_code)
        given = -given if given.minor_units > 0 else given
        yield Tender(_change_kind(change, settings), given)


def _change_kind(change: XmlFields, settings: StoreSettings) -> TenderType:
    code = change.attribute("TenderType") or "Cash"
    return settings.tender_type(code, change.at("@TenderType"))
