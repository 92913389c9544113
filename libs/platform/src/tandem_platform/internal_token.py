"""Internal tokens: who calls whom for which tenant, signed EdDSA, valid for a minute.

The gateway turns an API key into one; a service calling a peer makes its own.
"""

from __future__ import annotations

import json
import time
from collections import OrderedDict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from tandem_core.errors import DomainError

from tandem_platform.request_context import Caller

ALGORITHM = "EdDSA"
LIFETIME_S = 60
RENEW_BEFORE_S = 15
CLOCK_SKEW_S = 5
CACHED_TOKENS_MAX = 4_096
METADATA_KEY = "authorization"


class TokenInvalid(DomainError):
    """The token is missing, expired, signed by nobody we know, or meant for another service."""

    reason = "UNAUTHENTICATED"

    def __init__(self, problem: str) -> None:
        super().__init__()
        self._problem = problem

    def __str__(self) -> str:
        return self._problem


class TokenSigner:
    """Signs tokens of one issuer; the same caller and audience get the same token for a while."""

    def __init__(self, issuer: str, private_pem: bytes) -> None:
        self._issuer = issuer
        self._key = serialization.load_pem_private_key(private_pem, password=None)
        self._cache: OrderedDict[tuple[Caller, str], tuple[str, float]] = OrderedDict()

    def token(self, caller: Caller, audience: str) -> str:
        """A token valid for at least RENEW_BEFORE_S seconds."""
        now = time.time()
        token, good_until = self._cache.get((caller, audience), ("", 0.0))
        if now < good_until:
            return token
        token = self._sign(caller, audience, int(now))
        self._cache[caller, audience] = (token, now + LIFETIME_S - RENEW_BEFORE_S)
        self._cache.move_to_end((caller, audience))
        if len(self._cache) > CACHED_TOKENS_MAX:
            self._cache.popitem(last=False)
        return token

    def _sign(self, caller: Caller, audience: str, now: int) -> str:
        claims = {
            "iss": self._issuer,
            "sub": caller.subject,
            "aud": audience,
            "tenant": caller.tenant,
            "channel": caller.channel,
            "scopes": sorted(caller.scopes),
            "iat": now,
            "exp": now + LIFETIME_S,
        }
        return jwt.encode(claims, self._key, algorithm=ALGORITHM)  # type: ignore[arg-type]


class TokenVerifier:
    """Accepts tokens for one audience from the issuers whose public keys it holds."""

    def __init__(self, audience: str, public_pems: Mapping[str, str]) -> None:
        self._audience = audience
        self._keys = {
            issuer: serialization.load_pem_public_key(pem.encode())
            for issuer, pem in public_pems.items()
        }
        self._seen: OrderedDict[str, tuple[Caller, float]] = OrderedDict()

    def caller(self, token: str) -> Caller:
        """The caller a token names. Raises TokenInvalid."""
        caller, expires = self._seen.get(token, (None, 0.0))
        if caller is not None and time.time() < expires:
            return caller
        claims = self._verify(token)
        caller = Caller(
            subject=str(claims["sub"]),
            tenant=str(claims["tenant"]),
            channel=str(claims.get("channel", "")),
            scopes=frozenset(map(str, claims.get("scopes", ()))),
        )
        self._seen[token] = (caller, float(claims["exp"]))
        if len(self._seen) > CACHED_TOKENS_MAX:
            self._seen.popitem(last=False)
        return caller

    def _verify(self, token: str) -> dict[str, Any]:
        try:
            issuer = jwt.decode(token, options={"verify_signature": False}).get("iss", "")
            if issuer not in self._keys:
                raise TokenInvalid("the issuer of the token is not trusted")
            return jwt.decode(
                token,
                self._keys[issuer],  # type: ignore[arg-type]
                algorithms=[ALGORITHM],
                audience=self._audience,
                leeway=CLOCK_SKEW_S,
                options={"require": ["exp", "iat", "iss", "sub", "aud", "tenant"]},
            )
        except jwt.ExpiredSignatureError:
            raise TokenInvalid("the token has expired") from None
        except jwt.PyJWTError:
            raise TokenInvalid("the token is not valid") from None


def read_signer(issuer: str, path: Path) -> TokenSigner:
    """The signer with the private key of a file."""
    return TokenSigner(issuer, path.read_bytes())


def read_verifier(audience: str, path: Path | None) -> TokenVerifier:
    """The verifier with the keys of a file; without a file it trusts nobody."""
    return TokenVerifier(audience, json.loads(path.read_text()) if path else {})


def generate_key_pair() -> tuple[bytes, str]:
    """A fresh (private PEM, public PEM), for the local supervisor and tests."""
    key = Ed25519PrivateKey.generate()
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    public = key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return private, public.decode()
