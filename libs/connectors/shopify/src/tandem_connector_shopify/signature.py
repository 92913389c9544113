"""Verifies Shopify webhooks: base64 of HMAC-SHA256 over the raw body."""

import base64
import hashlib
import hmac
from datetime import datetime

from tandem_connector_sdk.documents import RawRequest, SecretSet, Verified
from tandem_connector_sdk.errors import SignatureInvalid
from tandem_connector_sdk.times import parse_instant

SIGNATURE_HEADER = "x-shopify-hmac-sha256"


class ShopifySignature:
    """Checks the body against every secret of a rotation.

    There is no check of age: Shopify delivers up to a day late and signs no time.
    """

    def verify(self, request: RawRequest, secrets: SecretSet, now: datetime) -> Verified:
        """Raises SignatureInvalid."""
        claimed = request.headers.get(SIGNATURE_HEADER, "").encode()
        if not claimed:
            raise SignatureInvalid("the signature header is missing")
        if not any(
            hmac.compare_digest(claimed, _signature(request.body, secret))
            for secret in secrets.values
            if secret
        ):
            raise SignatureInvalid("the signature fits no secret of the connection")
        return _verified(request)


def _signature(body: bytes, secret: bytes) -> bytes:
    return base64.b64encode(hmac.new(secret, body, hashlib.sha256).digest())


def _verified(request: RawRequest) -> Verified:
    """Shopify's own names; a body without delivery id is named by its content."""
    headers = request.headers
    topic = headers.get("x-shopify-topic", "")
    named = f"{topic}|{hashlib.sha256(request.body).hexdigest()}"
    return Verified(
        topic=topic,
        delivery_id=headers.get("x-shopify-webhook-id") or named,
        event_id=headers.get("x-shopify-event-id", ""),
        occur_time=parse_instant(headers.get("x-shopify-triggered-at", "")),
    )
