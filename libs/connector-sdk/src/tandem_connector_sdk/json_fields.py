"""Reads JSON from outside field by field; whatever is wrong is named by its path.

Numbers with a fraction stay the text they were sent as: a float would change an amount.
Unknown fields pass unread. A missing field is an error unless the caller gives a default.
"""

import json
from collections.abc import Iterator
from datetime import datetime
from typing import NoReturn

from tandem_core.money import Money

from tandem_connector_sdk.errors import DocumentFieldInvalid, DocumentMalformed
from tandem_connector_sdk.plain_text import is_storable
from tandem_connector_sdk.times import parse_instant


class JsonFields:
    """One JSON object and where it stands in its document."""

    def __init__(self, values: dict[str, object], path: str = "") -> None:
        self._values = values
        self._path = path

    def path(self, name: str) -> str:
        """The full path of a field, for example `line_items[0].quantity`."""
        return f"{self._path}.{name}" if self._path else name

    def has(self, name: str) -> bool:
        """True when the field is there and not null."""
        return self._values.get(name) is not None

    def has_items(self, name: str) -> bool:
        """True when the field is a list with something in it."""
        value = self._values.get(name)
        return isinstance(value, list) and len(value) > 0

    def text(self, name: str, default: str | None = None) -> str:
        """A string, or a number as it was written."""
        value = self._values.get(name)
        if value is None and default is not None:
            return default
        if isinstance(value, bool) or not isinstance(value, (str, int)):
            self._refuse(name, value, "text expected")
        if default is None and value == "":
            self._refuse(name, value, "must not be empty")
        if isinstance(value, str) and not is_storable(value):
            self._refuse(name, None, "holds a character that is no text")
        return str(value)

    def integer(self, name: str, default: int | None = None, *, at_least: int) -> int:
        """A whole number, also when sent as text."""
        text = self.text(name, None if default is None else str(default))
        digits = text.removeprefix("-")
        if not (digits.isascii() and digits.isdigit() and len(digits) < 19):
            self._refuse(name, text, "whole number expected")
        if int(text) < at_least:
            self._refuse(name, text, f"must be at least {at_least}")
        return int(text)

    def money(self, name: str, currency_code: str, default: str | None = None) -> Money:
        """A decimal amount; raises AmountNotExact naming the path."""
        return Money.from_decimal_text(self.text(name, default), currency_code, self.path(name))

    def flag(self, name: str, default: bool = False) -> bool:
        """True or false."""
        value = self._values.get(name)
        if value is None:
            return default
        if not isinstance(value, bool):
            self._refuse(name, value, "true or false expected")
        return value

    def instant(self, name: str) -> datetime:
        """An ISO 8601 time with an offset, in UTC."""
        text = self.text(name)
        instant = parse_instant(text)
        if instant is None:
            self._refuse(name, text, "ISO 8601 time with offset expected")
        return instant

    def texts(self, name: str) -> list[str]:
        """The strings of a list; none when the list is missing."""
        value = self._values.get(name)
        if value is None:
            return []
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            self._refuse(name, value, "list of texts expected")
        return value

    def part(self, name: str) -> "JsonFields":
        """An object."""
        value = self._values.get(name)
        if not isinstance(value, dict):
            self._refuse(name, value, "object expected")
        return JsonFields(value, self.path(name))

    def items(self, name: str) -> "Iterator[JsonFields]":
        """The objects of a list; none when the list is missing."""
        value = self._values.get(name)
        if value is None:
            return
        if not isinstance(value, list):
            self._refuse(name, value, "list expected")
        for index, item in enumerate(value):
            here = f"{self.path(name)}[{index}]"
            if not isinstance(item, dict):
                raise DocumentFieldInvalid(here, "", "object expected")
            yield JsonFields(item, here)

    def _refuse(self, name: str, value: object, detail: str) -> NoReturn:
        # Containers may hold anything, personal data too: only plain values are named.
        shown = str(value) if isinstance(value, (str, int)) else ""
        raise DocumentFieldInvalid(self.path(name), shown, detail)


def read_json_object(body: bytes) -> JsonFields:
    """The document's top object; raises DocumentMalformed with line and column."""
    try:
        value = json.loads(body, parse_float=str, parse_constant=_refuse_constant)
    except json.JSONDecodeError as error:
        detail = f"line {error.lineno} column {error.colno}: {error.msg}"
        raise DocumentMalformed(detail) from None
    except UnicodeDecodeError as error:
        raise DocumentMalformed(f"byte {error.start} is not {error.encoding}") from None
    except RecursionError:
        raise DocumentMalformed("nested too deep") from None
    except ValueError:
        raise DocumentMalformed("a number is too long to be one") from None
    if not isinstance(value, dict):
        raise DocumentMalformed("an object is expected")
    return JsonFields(value)


def _refuse_constant(name: str) -> NoReturn:
    raise DocumentMalformed(f"{name} is no JSON")
