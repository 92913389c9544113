"""Keys and secrets of a local suite, made once and kept in its data folder."""

from __future__ import annotations

import json
import secrets
import uuid
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from tandem_local.layout import SERVICES, Layout

OPERATOR = "operator"
SHOPIFY_SECRET = "shopify-webhooks"
PAYMENTS_KEY = "payments-key"
ERP_KEY = "erp-key"


def ensure_secrets(layout: Layout) -> None:
    """Makes what is missing; what is there stays, so a second start knows the first one's keys."""
    layout.secrets.mkdir(parents=True, exist_ok=True, mode=0o700)
    trusted = {issuer: _public_key(layout.signing_key(issuer)) for issuer in (*SERVICES, OPERATOR)}
    layout.trusted_keys.write_text(json.dumps(trusted))
    _ensure(layout.api_key, f"tdm_dev_{uuid.uuid4().hex}_{secrets.token_hex(32)}")
    for name in (SHOPIFY_SECRET, PAYMENTS_KEY, ERP_KEY):
        _ensure(layout.secret(name), secrets.token_hex(32))


def _ensure(path: Path, content: str) -> None:
    if not path.exists():
        path.touch(mode=0o600)
        path.write_text(content)


def _public_key(path: Path) -> str:
    if not path.exists():
        made = Ed25519PrivateKey.generate()
        pem = made.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        _ensure(path, pem.decode())
    key = _load(path)
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def _load(path: Path) -> Ed25519PrivateKey:
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    key = load_pem_private_key(path.read_bytes(), password=None)
    if not isinstance(key, Ed25519PrivateKey):
        raise TypeError(f"{path.name} is no Ed25519 key")
    return key
