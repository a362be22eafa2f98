"""Parses PEM certificates: their fingerprints, which are the SHA-256 of the DER form, and their times."""

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
_INTEGER, _SEQUENCE, _VERSION = 0x02, 0x30, 0xA0
_UTC_TIME, _GENERALIZED_TIME = 0x17, 0x18
_TIME: Final = re.compile(r"[0-9]{14}Z")


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


def validity_of(der: bytes) -> tuple[str, str]:
    """Return when a certificate begins and ends, each in UTC as `YYYYMMDDhhmmssZ`, so that they compare as text.

    Any bytes may be given. Raises ValueError for what is no certificate.
    """
    certificate, _ = _content(der, _SEQUENCE)
    rest, _ = _content(certificate, _SEQUENCE)
    if rest[:1] == bytes([_VERSION]):
        _, rest = _content(rest, _VERSION)
    for before in (_INTEGER, _SEQUENCE, _SEQUENCE):  # the serial number, the algorithm and the issuer
        _, rest = _content(rest, before)
    times, _ = _content(rest, _SEQUENCE)
    begin, times = _time(times)
    end, _ = _time(times)
    return begin, end


def _time(data: bytes) -> tuple[str, bytes]:
    """Return the time at the beginning of DER, and what follows it."""
    tag = _GENERALIZED_TIME if data[:1] == bytes([_GENERALIZED_TIME]) else _UTC_TIME
    content, rest = _content(data, tag)
    text = content.decode("ascii", errors="replace")
    if tag == _UTC_TIME:  # of two digits, by RFC 5280
        text = ("19" if text[:2] >= "50" else "20") + text
    if _TIME.fullmatch(text) is None:
        raise ValueError("a certificate has a time that cannot be read")
    return text, rest


def _content(data: bytes, tag: int) -> tuple[bytes, bytes]:
    """Return the content of the DER element at the beginning, which has to have this tag, and what follows it."""
    if len(data) < 2 or data[0] != tag:
        raise ValueError("it is no certificate")
    length, start = data[1], 2
    if length & 0x80:
        start += length & 0x7F
        length = int.from_bytes(data[2:start], "big")
    end = start + length
    if start > 6 or end > len(data):
        raise ValueError("a certificate is cut off")
    return data[start:end], data[end:]
