"""Selects the CA certificate with an expected fingerprint among those of an unverified connection."""

from ambassador_admin.errors import UntrustedCertificateError, UsageError
from ambassador_protocol.certificates import (
    certificates_in,
    find_certificate,
    fingerprint_of,
    parse_fingerprint,
)


def read_fingerprint(text: str) -> str:
    """Return a SHA-256 fingerprint as 64 hexadecimal digits; raises UsageError."""
    try:
        return parse_fingerprint(text)
    except ValueError:
        raise UsageError(
            "A fingerprint is 64 hexadecimal digits, with or without colons.",
            hint="ambassador-server prints it when it is initialised",
        ) from None


def offered_fingerprint(pem: str) -> str:
    """Return the fingerprint of the first certificate, unverified; raises UntrustedCertificateError."""
    offered = next(certificates_in(pem), None)
    if offered is None:
        raise UntrustedCertificateError(
            "The server sent no CA certificate.", hint="use --ca FILE, the CA that signed its certificate"
        )
    return fingerprint_of(offered)


def matching_certificate(pem: str, fingerprint: str) -> str:
    """Return only the certificate with the fingerprint; raises UntrustedCertificateError if there is none."""
    offered = list(certificates_in(pem))
    if (found := find_certificate(offered, fingerprint)) is not None:
        return found
    seen = f"it has {', '.join(map(fingerprint_of, offered))}" if offered else "it sent no certificate"
    raise UntrustedCertificateError(
        f"The CA of the server does not have that fingerprint: {seen}.",
        hint="compare it with the one that ambassador-server printed; another server may be answering",
    )
