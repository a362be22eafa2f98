"""Parses PEM certificates and their fingerprints, which are the SHA-256 of the DER form."""

import base64
import hashlib
import hmac
import re
import textwrap
from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import Final

_BEGIN, _END = "-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----"
_PEM: Final = re.compile(f"{_BEGIN}([^-]{{1,65536}}){_END}")
_MAX_CERTIFICATES: Final = 16


def parse_fingerprint(text: str) -> str:
    """Return a fingerprint, written with or without colons, as 64 hexadecimal digits; raises ValueError."""
    digits = re.sub(r"[\s:]", "", text.lower().removeprefix("sha256:"))
    if re.fullmatch(r"[0-9a-f]{64}", digits) is None:
        raise ValueError("it must be a SHA-256 fingerprint of 64 hexadecimal digits")
    return digits


def fingerprint_of(der: bytes) -> str:
    """Return the fingerprint of a certificate as 64 hexadecimal digits."""
    return hashlib.sha256(der).hexdigest()


def certificates_in(pem: str) -> Iterator[bytes]:
    """Yield the first 16 certificates in a PEM text as DER; invalid ones are skipped."""
    for body in _PEM.findall(pem)[:_MAX_CERTIFICATES]:
        with suppress(ValueError):
            yield base64.b64decode("".join(body.split()), validate=True)


def find_certificate(certificates: Iterable[bytes], fingerprint: str) -> str | None:
    """Return the certificate with the fingerprint as PEM, or None."""
    for der in certificates:
        if hmac.compare_digest(fingerprint_of(der), fingerprint):
            return _pem(der)
    return None


def _pem(der: bytes) -> str:
    # Without `ssl`, which is slow to import.
    return "\n".join([_BEGIN, *textwrap.wrap(base64.b64encode(der).decode(), 64), _END, ""])
