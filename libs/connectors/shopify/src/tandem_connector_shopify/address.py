"""The delivery address: the only personal data that leaves the raw payload."""

import re

from tandem_connector_sdk.documents import Finding
from tandem_connector_sdk.json_fields import JsonFields
from tandem_connector_sdk.models import ShipTo

_COUNTRY = re.compile(r"[A-Z]{2}")


def ship_to(order: JsonFields) -> tuple[ShipTo | None, Finding | None]:
    """The address, or None for orders nobody ships; an odd country code is dropped and told."""
    if not order.has("shipping_address"):
        return None, None
    address = order.part("shipping_address")
    country = address.text("country_code", "")
    readable = not country or _COUNTRY.fullmatch(country) is not None
    streets = (address.text("address1", ""), address.text("address2", ""))
    shown = ShipTo(
        recipient=_recipient(address),
        street_lines=tuple(street for street in streets if street),
        city=address.text("city", ""),
        region=address.text("province_code", ""),
        postal_code=address.text("zip", ""),
        country_code=country if readable else "",
    )
    finding = Finding("COUNTRY_UNREADABLE", order.path("shipping_address.country_code"))
    return shown, None if readable else finding


def _recipient(address: JsonFields) -> str:
    full = address.text("name", "")
    parts = (address.text("first_name", ""), address.text("last_name", ""))
    return full or " ".join(part for part in parts if part)
