"""Page tokens: where a list goes on, signed, and bound to its filters and its caller.

The position is a keyset (the sort values of the last row), so pages stay right while rows are
added; the signature keeps a caller from reading on where another one's list stopped.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Sequence

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from google.protobuf.message import Message
from tandem_core.errors import DomainError

from tandem_platform import request_context
from tandem_platform.settings import ServiceSettings

PAGE_SIZE_DEFAULT = 50
PAGE_SIZE_MAX = 250
SIGNATURE_BYTES = 16
KEY_BYTES = 32
_LOCAL_KEY = b"tandem pages without a signing key"

Position = Sequence[str | int]


class PageTokenInvalid(DomainError):
    """The token is not of this list, these filters or this caller."""

    reason = "PAGE_TOKEN_INVALID"


def page_size(
    requested: int, *, default: int = PAGE_SIZE_DEFAULT, size_max: int = PAGE_SIZE_MAX
) -> int:
    """The size of a page: the default for 0, cut to the most allowed."""
    return min(requested or default, size_max)


class PageTokens:
    """Makes and reads tokens with one key; replicas of a service share it."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    @classmethod
    def of(cls, settings: ServiceSettings) -> PageTokens:
        """Key derived from the service's signing key, so there is no second secret to rotate."""
        path = settings.signing_key_file
        secret = path.read_bytes() if path else _LOCAL_KEY
        derive = HKDF(hashes.SHA256(), KEY_BYTES, None, b"tandem page token")
        return cls(derive.derive(secret))

    def encode(self, position: Position, query: Message) -> str:
        """The ``next_page_token`` after the row with these sort values."""
        body = json.dumps(list(position), separators=(",", ":")).encode()
        return base64.urlsafe_b64encode(self._sign(body, query) + body).decode().rstrip("=")

    def decode(self, token: str, query: Message) -> list[str | int] | None:
        """The position to go on after; None for the first page. Raises PageTokenInvalid."""
        if not token:
            return None
        try:
            raw = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
        except ValueError:
            raise PageTokenInvalid from None
        signature, body = raw[:SIGNATURE_BYTES], raw[SIGNATURE_BYTES:]
        if not hmac.compare_digest(signature, self._sign(body, query)):
            raise PageTokenInvalid
        position: list[str | int] = json.loads(body)
        return position

    def _sign(self, body: bytes, query: Message) -> bytes:
        filters = type(query)()
        filters.CopyFrom(query)
        for paging in ("page_token", "page_size"):
            if paging in filters.DESCRIPTOR.fields_by_name:
                filters.ClearField(paging)
        parts = (
            request_context.current_caller().principal.encode(),
            query.DESCRIPTOR.full_name.encode(),
            filters.SerializeToString(deterministic=True),
            body,
        )
        signed = b"".join(len(part).to_bytes(4, "big") + part for part in parts)
        return hmac.new(self._key, signed, hashlib.sha256).digest()[:SIGNATURE_BYTES]
