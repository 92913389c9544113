"""OAuth access tokens: EdDSA JWTs signed with the gateway's own key, valid for ten minutes."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tandem_gateway.application.authenticate import AccessGrant
from tandem_gateway.domain.errors import CredentialsRefused

ALGORITHM = "EdDSA"
ISSUER = "tandem-gateway"
# Another audience than that of internal tokens: neither kind can be used as the other.
AUDIENCE = "tandem-rest"
LIFETIME_S = 600


class SigningKeyUnsuitable(ValueError):
    """The gateway's signing key is not an Ed25519 key."""


class JwtAccessTokens:
    """The port `AccessTokens`."""

    def __init__(self, private_pem: bytes) -> None:
        key = serialization.load_pem_private_key(private_pem, password=None)
        if not isinstance(key, Ed25519PrivateKey):
            raise SigningKeyUnsuitable("an Ed25519 key is needed")
        self._key = key

    @classmethod
    def read(cls, path: Path) -> JwtAccessTokens:
        """With the private key of a file."""
        return cls(path.read_bytes())

    def issue(self, grant: AccessGrant) -> tuple[str, int]:
        """A token for the grant, and the seconds it lives."""
        now = int(time.time())
        claims = {
            "iss": ISSUER,
            "aud": AUDIENCE,
            "sub": grant.client_id,
            "scope": " ".join(sorted(grant.scopes)),
            "iat": now,
            "exp": now + LIFETIME_S,
        }
        return jwt.encode(claims, self._key, algorithm=ALGORITHM), LIFETIME_S

    def read_grant(self, token: str) -> AccessGrant:
        """The grant in a token. Raises CredentialsRefused."""
        try:
            claims: dict[str, Any] = jwt.decode(
                token,
                self._key.public_key(),
                algorithms=[ALGORITHM],
                audience=AUDIENCE,
                issuer=ISSUER,
                options={"require": ["exp", "sub", "scope"]},
            )
        except jwt.PyJWTError:
            raise CredentialsRefused from None
        return AccessGrant(claims["sub"], frozenset(str(claims["scope"]).split()))
