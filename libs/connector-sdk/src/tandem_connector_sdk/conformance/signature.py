"""Silver: what a webhook's signature must prove."""

from abc import abstractmethod
from collections.abc import Mapping
from datetime import UTC, datetime

import pytest

from tandem_connector_sdk.documents import RawRequest, SecretSet
from tandem_connector_sdk.errors import SignatureInvalid
from tandem_connector_sdk.ports import SignatureVerifier

CURRENT, PREVIOUS, FOREIGN = b"current-secret", b"previous-secret", b"foreign-secret"
BOTH = SecretSet((CURRENT, PREVIOUS))
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
BODY = '{"id": 1, "note": "späte Zustellung", "total": "10.00"}\n'.encode()


class SignatureConformance:
    """Subclass it and sign the way the vendor does."""

    signature_header: str

    @abstractmethod
    def verifier(self) -> SignatureVerifier:
        """The verifier under test."""

    @abstractmethod
    def signed(self, body: bytes, secret: bytes) -> Mapping[str, str]:
        """All headers the vendor would send with the body."""

    def _refuse(self, request: RawRequest) -> None:
        with pytest.raises(SignatureInvalid):
            self.verifier().verify(request, BOTH, NOW)

    def test_a_genuine_webhook_is_accepted(self) -> None:
        """With its topic and delivery id."""
        verified = self.verifier().verify(RawRequest(self.signed(BODY, CURRENT), BODY), BOTH, NOW)
        assert verified.topic
        assert verified.delivery_id

    def test_the_secret_being_rotated_out_still_counts(self) -> None:
        """Or every rotation would lose the hooks already on their way."""
        self.verifier().verify(RawRequest(self.signed(BODY, PREVIOUS), BODY), BOTH, NOW)

    def test_a_foreign_secret_is_refused(self) -> None:
        """Anybody can sign with something."""
        self._refuse(RawRequest(self.signed(BODY, FOREIGN), BODY))

    def test_no_secret_at_all_refuses_everything(self) -> None:
        """A connection set up half must not be open."""
        for secrets in (SecretSet(()), SecretSet((b"",))):
            with pytest.raises(SignatureInvalid):
                self.verifier().verify(RawRequest(self.signed(BODY, b""), BODY), secrets, NOW)

    def test_a_changed_byte_is_refused(self) -> None:
        """Each byte counts."""
        headers = self.signed(BODY, CURRENT)
        for index in (0, len(BODY) // 2, len(BODY) - 1):
            changed = bytearray(BODY)
            changed[index] ^= 1
            self._refuse(RawRequest(headers, bytes(changed)))

    def test_a_body_written_anew_is_refused(self) -> None:
        """The signature is over raw bytes, not over what they mean."""
        self._refuse(RawRequest(self.signed(BODY, CURRENT), BODY.rstrip(b"\n")))
        self._refuse(RawRequest(self.signed(BODY, CURRENT), BODY.replace(b": ", b":")))

    def test_a_missing_or_broken_signature_is_refused(self) -> None:
        """Not an error of ours: the same answer as for a wrong one."""
        headers = dict(self.signed(BODY, CURRENT))
        genuine = headers.pop(self.signature_header)
        self._refuse(RawRequest(headers, BODY))
        for broken in ("", "%%%", "ä", genuine[:-4], genuine + "AAAA"):
            self._refuse(RawRequest({**headers, self.signature_header: broken}, BODY))

    def test_a_refusal_tells_neither_secret_nor_body(self) -> None:
        """Refusals are logged."""
        request = RawRequest(self.signed(BODY, FOREIGN), BODY)
        with pytest.raises(SignatureInvalid) as caught:
            self.verifier().verify(request, BOTH, NOW)
        shown = f"{caught.value!r} {caught.value} {request!r} {BOTH!r}"
        for hidden in (CURRENT.decode(), PREVIOUS.decode(), "10.00"):
            assert hidden not in shown
