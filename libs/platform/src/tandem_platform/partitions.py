"""Which partition a key belongs to; the same hash as ``partition()`` of the NATS server."""

from __future__ import annotations

_FNV_OFFSET = 0x811C9DC5
_FNV_PRIME = 0x01000193
_MASK = 0xFFFFFFFF


def fnv1a32(data: bytes) -> int:
    """FNV-1a, 32 bits."""
    value = _FNV_OFFSET
    for byte in data:
        value = ((value ^ byte) * _FNV_PRIME) & _MASK
    return value


def partition_of(key: str, partitions: int) -> int:
    """Partition of a key, from 0 to ``partitions - 1``."""
    return fnv1a32(key.encode()) % partitions
