"""Text every store and every wire can hold.

JSON may carry U+0000 and halves of surrogate pairs: no Postgres text and no protobuf string can
hold them, and the error would come far from the field that brought them.
"""

_REPLACEMENT = "\ufffd"


def is_storable(text: str) -> bool:
    """False for text with U+0000 or a lone surrogate."""
    if "\x00" in text:
        return False
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def storable(text: str) -> str:
    """The text with what cannot be held replaced, for messages to people."""
    whole = text.encode("utf-8", "replace").decode("utf-8")
    return whole.replace("\x00", _REPLACEMENT)
