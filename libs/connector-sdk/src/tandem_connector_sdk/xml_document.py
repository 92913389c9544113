"""Parses XML from outside: no entities, no external documents, errors with line and column."""

from xml.etree.ElementTree import Element, ParseError

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring

from tandem_connector_sdk.errors import DocumentMalformed


def read_xml(body: bytes) -> Element:
    """The root element; raises DocumentMalformed."""
    try:
        root = fromstring(body, forbid_dtd=True)
    except ParseError as error:
        line, column = error.position
        raise DocumentMalformed(f"line {line} column {column + 1}: not well-formed") from None
    except DefusedXmlException as error:
        raise DocumentMalformed(f"forbidden in XML: {type(error).__name__}") from None
    except (LookupError, UnicodeError, ValueError):
        raise DocumentMalformed("the declared encoding does not fit the bytes") from None
    if not isinstance(root, Element):
        raise DocumentMalformed("there is no root element")
    return root
