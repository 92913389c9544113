"""API keys: ``tdm_<environment>_<id>_<secret>``. Only the hash of the secret is ever kept.

SHA-256 without salt is enough: the secret has 256 random bits, so there is nothing to guess, and
a slow hash would cost every request what it costs a guesser.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import uuid
from dataclasses import dataclass, field

_FORM = re.compile(r"tdm_([a-z0-9]{1,12})_([0-9a-f]{32})_([0-9a-f]{64})")
SECRET_BYTES = 32


@dataclass(frozen=True)
class ApiKey:
    """A key taken apart. ``client_id`` is a UUID."""

    environment: str
    client_id: str
    secret: str = field(repr=False)

    @classmethod
    def parse(cls, text: str) -> ApiKey | None:
        """The parts of a key; None for text that is none."""
        found = _FORM.fullmatch(text)
        if found is None:
            return None
        return cls(found[1], str(uuid.UUID(hex=found[2])), found[3])

    def text(self) -> str:
        """The key as it is handed out."""
        return f"tdm_{self.environment}_{uuid.UUID(self.client_id).hex}_{self.secret}"

    def secret_hash(self) -> bytes:
        """What is kept of the secret."""
        return hashlib.sha256(self.secret.encode()).digest()

    def opens(self, secret_hash: bytes) -> bool:
        """Whether this key is the one with the hash; takes the same time either way."""
        return hmac.compare_digest(self.secret_hash(), secret_hash)
