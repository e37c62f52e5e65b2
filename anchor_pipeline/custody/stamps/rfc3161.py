"""RFC 3161: a time-stamping authority signs that it saw a digest, and when. https://www.rfc-editor.org/rfc/rfc3161.

Kept is the authority's whole answer, so that others can check it: `openssl ts -verify -digest … -in FILE -CAfile …`.
"""

from __future__ import annotations

import secrets
import urllib.request
from datetime import datetime
from typing import TYPE_CHECKING

from anchor_pipeline.custody.stamps.stamper import Verdict
from anchor_pipeline.errors import Unavailable, UsageError
from anchor_pipeline.project.addresses import redacted, without_credentials

if TYPE_CHECKING:
    from cryptography.x509 import Certificate
    from rfc3161_client import TimeStampResponse

_WAIT_S = 20
_LARGEST = 100_000
_SHA256 = bytes.fromhex("300d06096086480165030402010500")
"""AlgorithmIdentifier of SHA-256, in DER."""


class Rfc3161:
    """An authority at a URL; `roots` are certificates in PEM that its own have to lead up to."""

    kind = "tsr"

    def __init__(self, url: str | None, roots: bytes = b"") -> None:
        self.url = url
        self._roots = _certificates(roots) if roots else []

    def stamp(self, digest: bytes) -> bytes:
        """The authority's answer, if it granted the stamp and it is of this digest."""
        if self.url is None:
            raise Unavailable("no time-stamping authority is named")
        nonce = secrets.randbits(63)
        data = self._ask(_request(digest, nonce))
        answer = _decoded(data)
        if answer is None:
            # Some authorities send their certificates out of the order that DER asks for; the reader is strict.
            raise Unavailable(f"{without_credentials(self.url)}: the authority's answer cannot be read")
        if answer.status != 0:
            raise Unavailable(f"{without_credentials(self.url)}: the authority refused ({answer.status})")
        told = answer.tst_info
        if told.message_imprint.message != digest or told.nonce != nonce:
            raise Unavailable(f"{without_credentials(self.url)}: the authority answered another request")
        return data

    def upgrade(self, data: bytes) -> bytes:
        """As it is: there is nothing to wait for."""
        return data

    def verify(self, data: bytes, digest: bytes) -> Verdict:
        """Check the signature, and the way from its certificate up to the roots, at the time stated."""
        from rfc3161_client import VerificationError, VerifierBuilder

        answer = _decoded(data)
        if answer is None or answer.status != 0:
            return Verdict("failed", "it is no time stamp of RFC 3161")
        if answer.tst_info.message_imprint.message != digest:
            return Verdict("failed", "it is a time stamp of something else")
        at: datetime = answer.tst_info.gen_time
        if not self._roots:
            return Verdict("pending", f"it says {at:%Y-%m-%d %H:%M:%S} UTC; give the authority's root to check it")
        builder = VerifierBuilder(roots=list(self._roots))
        try:
            builder.build().verify(answer, digest)
        except (VerificationError, ValueError) as error:
            return Verdict("failed", f"its signature does not hold ({error})")
        return Verdict("verified", f"an authority whose root is trusted here saw it at {at:%Y-%m-%d %H:%M:%S} UTC", at)

    def _ask(self, query: bytes) -> bytes:
        assert self.url is not None
        headers = {"Content-Type": "application/timestamp-query", "User-Agent": "anchor-pipeline"}
        try:
            request = urllib.request.Request(self.url, query, headers)
            with urllib.request.urlopen(request, timeout=_WAIT_S) as answer:
                return bytes(answer.read(_LARGEST))
        except (OSError, ValueError) as error:
            said = redacted(str(error))
            raise Unavailable(f"{without_credentials(self.url)}: no time stamp ({said})") from error


def _request(digest: bytes, nonce: int) -> bytes:
    """TimeStampReq of RFC 3161, section 2.4.1, in DER: version 1, the digest, a nonce, and the certificate wanted."""
    imprint = _der(0x30, _SHA256 + _der(0x04, digest))
    number = nonce.to_bytes(nonce.bit_length() // 8 + 1, "big")
    return _der(0x30, _der(0x02, b"\1") + imprint + _der(0x02, number) + _der(0x01, b"\xff"))


def _der(tag: int, content: bytes) -> bytes:
    assert len(content) < 128
    return bytes([tag, len(content)]) + content


def _decoded(data: bytes) -> TimeStampResponse | None:
    from rfc3161_client import decode_timestamp_response

    try:
        answer = decode_timestamp_response(data)
        # Of a refusal there is nothing inside; asked for here, so that it is told once.
        return answer if answer.status != 0 or answer.tst_info else None
    except Exception:  # Whatever a parser of foreign bytes may raise.
        return None


def _certificates(pem: bytes) -> list[Certificate]:
    from cryptography import x509

    try:
        return x509.load_pem_x509_certificates(pem)
    except ValueError as error:
        raise UsageError(f"the root of the time-stamping authority is no certificate in PEM ({error})") from None
