"""Reads POSLog elements by local name: dialects differ in namespace, order and version."""

from collections.abc import Iterator
from xml.etree.ElementTree import Element

from tandem_connector_sdk.errors import DocumentFieldInvalid
from tandem_core.money import Money


def local_name(tag: str) -> str:
    """A tag or attribute name without its namespace."""
    return tag.rpartition("}")[2]


class XmlFields:
    """One element and its path, for example `Transaction[2]/RetailTransaction/LineItem[1]`."""

    def __init__(self, element: Element, path: str) -> None:
        self.element = element
        self.path = path

    @property
    def name(self) -> str:
        """The element's local name."""
        return local_name(self.element.tag)

    def at(self, name: str) -> str:
        """The path of a child."""
        return f"{self.path}/{name}"

    def items(self, name: str) -> "Iterator[XmlFields]":
        """All children of a name, numbered from 1 as XPath does."""
        found = (child for child in self.element if local_name(child.tag) == name)
        for index, child in enumerate(found, start=1):
            yield XmlFields(child, f"{self.path}/{name}[{index}]")

    def children(self) -> "Iterator[XmlFields]":
        """All children."""
        for child in self.element:
            if isinstance(child.tag, str):
                yield XmlFields(child, self.at(local_name(child.tag)))

    def first(self, *names: str) -> "XmlFields | None":
        """The child of the first name that is there; a name may be a path of two."""
        for name in names:
            found: XmlFields | None = self
            for step in name.split("/"):
                found = next(found.items(step), None) if found else None
            if found:
                return XmlFields(found.element, self.at(name))
        return None

    def attribute(self, name: str) -> str:
        """An attribute by local name; empty when missing."""
        for key, value in self.element.attrib.items():
            if local_name(key) == name:
                return value.strip()
        return ""

    def flagged(self, name: str) -> bool:
        """True when an attribute says so."""
        return self.attribute(name).lower() in ("true", "1")

    def text(self, *names: str, default: str | None = None) -> str:
        """The text of the first child of these names; an empty or missing one is refused."""
        found = self.first(*names)
        text = (found.element.text or "").strip() if found else ""
        if text:
            return text
        if default is None:
            raise DocumentFieldInvalid(self.at(names[0]), "", "is missing")
        return default

    def money(self, *names: str, currency_code: str, default: str | None = None) -> Money:
        """A decimal amount; raises AmountNotExact naming the path."""
        text = self.text(*names, default=default)
        return Money.from_decimal_text(text, currency_code, self.at(names[0]))

    def own_money(self, currency_code: str) -> Money:
        """The amount this element itself holds."""
        text = (self.element.text or "").strip()
        return Money.from_decimal_text(text, currency_code, self.path)
