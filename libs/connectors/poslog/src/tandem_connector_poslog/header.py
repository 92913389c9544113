"""What every transaction of a POSLog says first: store, register, number, date, time, currency."""

from dataclasses import dataclass
from datetime import datetime

from tandem_connector_sdk.errors import DocumentFieldInvalid
from tandem_connector_sdk.times import parse_date, parse_local
from tandem_core.currencies import currency_exponent

from tandem_connector_poslog.store_settings import Store, StoreSettings, in_utc
from tandem_connector_poslog.xml_fields import XmlFields

_STORE_NAMES = ("RetailStoreID", "BusinessUnit/UnitID", "UnitID")
_TIME_NAMES = ("ReceiptDateTime", "POSLogDateTime", "EndDateTime", "BeginDateTime")


@dataclass(frozen=True, slots=True)
class TransactionHeader:
    """Store, register, sequence and business date are the natural key of a transaction."""

    store: Store
    register: str
    sequence: int
    business_date: str
    time: datetime
    currency_code: str

    @property
    def key(self) -> str:
        """The natural key as text; other transactions link to it."""
        return transaction_key(
            self.store.location, self.register, self.business_date, str(self.sequence)
        )


def transaction_key(location: str, register: str, business_date: str, sequence: str) -> str:
    """The natural key of a transaction."""
    return f"{location}|{register}|{business_date}|{sequence.lstrip('0') or '0'}"


def read_header(
    transaction: XmlFields, retail: XmlFields, settings: StoreSettings
) -> TransactionHeader:
    """Raises DocumentFieldInvalid or CurrencyUnknown naming the element."""
    store = settings.store(transaction.text(*_STORE_NAMES))
    return TransactionHeader(
        store=store,
        register=transaction.text("WorkstationID"),
        sequence=_sequence(transaction),
        business_date=business_date_of(transaction),
        time=_time(transaction, retail, store),
        currency_code=_currency(transaction, retail, settings),
    )


def business_date_of(fields: XmlFields) -> str:
    """The accounting date, which may be the day before the clock's."""
    text = fields.text("BusinessDayDate")[:10]
    if parse_date(text) is None:
        raise DocumentFieldInvalid(fields.at("BusinessDayDate"), text, "date expected")
    return text


def _sequence(transaction: XmlFields) -> int:
    text = transaction.text("SequenceNumber")
    if not (text.isascii() and text.isdigit() and len(text) < 19):
        raise DocumentFieldInvalid(transaction.at("SequenceNumber"), text, "number expected")
    return int(text)


def _time(transaction: XmlFields, retail: XmlFields, store: Store) -> datetime:
    for fields in (retail, transaction):
        for name in _TIME_NAMES:
            text = fields.text(name, default="")
            if not text:
                continue
            local = parse_local(text)
            if local is None:
                raise DocumentFieldInvalid(fields.at(name), text, "ISO 8601 time expected")
            return in_utc(local, store.time_zone, fields.at(name))
    raise DocumentFieldInvalid(transaction.at("EndDateTime"), "", "is missing")


def _currency(transaction: XmlFields, retail: XmlFields, settings: StoreSettings) -> str:
    """Stated once per transaction, on the totals, or known of the connection."""
    code = transaction.text("CurrencyCode", default="")
    for total in () if code else retail.items("Total"):
        code = code or total.attribute("CurrencyCode") or total.attribute("Currency")
    code = code or settings.currency
    currency_exponent(code, transaction.at("CurrencyCode"))
    return code
