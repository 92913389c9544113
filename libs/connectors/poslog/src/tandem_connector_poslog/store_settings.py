"""What a connection to a chain's stores configures.

stores:       {"9": {location: store-009, channel: store-009, time_zone: America/New_York}}
time_zone:    for stores that name none: an IANA name or a fixed offset such as +01:00
currency:     for logs that name none
prices_include_tax: true where shelf prices do
sku_scales:   {"00000000067591": 3}: decimal digits of SKUs not sold by the piece
tender_types: {"Voucher": GIFT_CARD}: added to the connector's own mapping
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from tandem_connector_sdk.documents import TranslationContext
from tandem_connector_sdk.errors import CodeUnmapped, DocumentFieldInvalid
from tandem_connector_sdk.models import TenderType

_OFFSET = re.compile(r"([+-])([0-9]{2}):([0-9]{2})")

TENDER_TYPES = {
    "Cash": TenderType.CASH,
    "CreditDebit": TenderType.CARD,
    "Credit": TenderType.CARD,
    "Debit": TenderType.CARD,
    "GiftCard": TenderType.GIFT_CARD,
    "GiftCertificate": TenderType.GIFT_CARD,
}


@dataclass(frozen=True, slots=True)
class Store:
    """One store as the rest of the house names it."""

    location: str
    channel: str
    time_zone: str


class StoreSettings:
    """Typed access to the settings of a connection."""

    def __init__(self, context: TranslationContext) -> None:
        self._settings = context.settings

    @property
    def prices_include_tax(self) -> bool:
        """Whether amounts in the log hold their tax."""
        return self._settings.get("prices_include_tax") is True

    @property
    def currency(self) -> str:
        """The currency of logs that state none; empty when not configured."""
        return str(self._settings.get("currency", ""))

    def store(self, store_id: str) -> Store:
        """A store; one that is not listed is called `store-<id>`."""
        known = self._mapping("stores").get(store_id)
        listed = known if isinstance(known, Mapping) else {}
        name = f"store-{store_id}"
        return Store(
            location=str(listed.get("location", name)),
            channel=str(listed.get("channel", name)),
            time_zone=str(listed.get("time_zone", self._settings.get("time_zone", ""))),
        )

    def scale(self, sku: str) -> int:
        """Decimal digits of a SKU's quantity; 0 for pieces."""
        scale = self._mapping("sku_scales").get(sku, 0)
        return scale if isinstance(scale, int) else 0

    def tender_type(self, code: str, field: str) -> TenderType:
        """Raises CodeUnmapped: a tender nobody mapped would be posted to the wrong account."""
        mapped = self._mapping("tender_types").get(code)
        if isinstance(mapped, str) and mapped in TenderType.__members__:
            return TenderType[mapped]
        if code not in TENDER_TYPES:
            raise CodeUnmapped(field, code)
        return TENDER_TYPES[code]

    def _mapping(self, name: str) -> Mapping[str, object]:
        value = self._settings.get(name)
        return value if isinstance(value, Mapping) else {}


def in_utc(local: datetime, zone_name: str, field: str) -> datetime:
    """A store's time as an instant; raises DocumentFieldInvalid when its zone is not known."""
    if local.tzinfo is None:
        local = local.replace(tzinfo=_zone(zone_name, field))
    return local.astimezone(UTC)


def _zone(name: str, field: str) -> tzinfo:
    offset = _OFFSET.fullmatch(name)
    if offset:
        minutes = int(offset[2]) * 60 + int(offset[3])
        return timezone(timedelta(minutes=-minutes if offset[1] == "-" else minutes))
    if name == "UTC":
        return UTC
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise DocumentFieldInvalid(field, name, "the store's time zone is not known") from None
