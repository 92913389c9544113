"""The descriptor image of all contracts, for readers of options and comments at run time."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from google.protobuf.descriptor_pb2 import FileDescriptorSet

IMAGE_PATH = Path(__file__).with_name("image.binpb")


@cache
def descriptor_image() -> FileDescriptorSet:
    """All files with imports and source info (comments), as built by ``make contracts``.

    Raises FileNotFoundError when the contracts were never generated.
    """
    return FileDescriptorSet.FromString(IMAGE_PATH.read_bytes())
