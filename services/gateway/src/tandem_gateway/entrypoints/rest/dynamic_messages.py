"""Message classes made from the descriptor image, so the gateway knows every contract."""

from __future__ import annotations

from functools import cache

from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from tandem_platform.method_table import contract_image


@cache
def contract_pool() -> DescriptorPool:
    """A pool of its own with every file of the image."""
    pool = DescriptorPool()
    for file in contract_image().file:
        pool.Add(file)
    return pool


@cache
def message_class(full_name: str) -> type[Message]:
    """The class of a message by full name. Raises KeyError for names no contract has."""
    return GetMessageClass(contract_pool().FindMessageTypeByName(full_name))
