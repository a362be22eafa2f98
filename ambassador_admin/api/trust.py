"""First trust: takes a CA certificate from an unproven connection only if its fingerprint is the one expected."""

import base64
import hashlib
import hmac
import re
import textwrap
from collections.abc import Iterator

from ambassador_admin.errors import UntrustedCertificateError, UsageError

_BEGIN, _END = "-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----"
_CERTIFICATE = re.compile(f"{_BEGIN}([^-]{{1,65536}}){_END}")
_HEX = re.compile(r"[0-9a-f]{64}")
_MOST = 16


def read_fingerprint(text: str) -> str:
    """Return a SHA-256 fingerprint as 64 hex digits, however it was written."""
    digits = re.sub(r"[\s:]", "", text.lower().removeprefix("sha256:"))
    if _HEX.fullmatch(digits) is None:
        raise UsageError(
            "A fingerprint is 64 hexadecimal digits, with or without colons.",
            hint="ambassador-server prints it when it is initialised",
        )
    return digits


def offered_fingerprint(pem: str) -> str:
    """Return the fingerprint of the first certificate, for a person to compare; it proves nothing by itself."""
    offered = next(_certificates(pem), None)
    if offered is None:
        raise UntrustedCertificateError(
            "The server sent no CA certificate.", hint="use --ca FILE, the CA that signed its certificate"
        )
    return hashlib.sha256(offered).hexdigest()


def matching_certificate(pem: str, fingerprint: str) -> str:
    """Return the one certificate that has the fingerprint, alone: what else came with it proves nothing."""
    seen = []
    for der in _certificates(pem):
        digest = hashlib.sha256(der).hexdigest()
        if hmac.compare_digest(digest, fingerprint):
            body = "\n".join(textwrap.wrap(base64.b64encode(der).decode(), 64))
            return f"{_BEGIN}\n{body}\n{_END}\n"
        seen.append(digest)
    found = f"it has {', '.join(seen)}" if seen else "it sent no certificate"
    raise UntrustedCertificateError(
        f"The CA of the server does not have that fingerprint: {found}.",
        hint="compare it with what ambassador-server printed; somebody may be in between",
    )


def _certificates(pem: str) -> Iterator[bytes]:
    for text in _CERTIFICATE.findall(pem)[:_MOST]:
        try:
            yield base64.b64decode("".join(text.split()), validate=True)
        except ValueError:
            continue
