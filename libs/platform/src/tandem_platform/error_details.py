"""Extra protobuf details of a typed error, registered by the adapters that know them.

Example: a shortage of stock carries the alternatives as a message of its area's contract.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeVar

from google.protobuf.message import Message

TError = TypeVar("TError", bound=BaseException)

_registered: dict[type[BaseException], Callable[..., Iterable[Message]]] = {}


def register(error_type: type[TError], details: Callable[[TError], Iterable[Message]]) -> None:
    """Attaches what ``details`` returns to every error of this type (or a subtype) sent out."""
    _registered[error_type] = details


def details_of(error: BaseException) -> list[Message]:
    """The details registered for the nearest class of the error; none when there are none."""
    for cls in type(error).__mro__:
        if cls in _registered:
            return list(_registered[cls](error))
    return []
