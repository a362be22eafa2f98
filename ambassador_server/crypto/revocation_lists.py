"""Revocation lists (CRL) of authorities, read from a file; a list that cannot be believed is an error."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final, TypeAlias

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from msgspec import Struct

from ambassador_server.domain.people.certificates import CertificateFault
from ambassador_server.errors import ConfigurationError

AuthorityKey: TypeAlias = tuple[bytes, bytes]
"""The name and the public key of an authority: what a list and a certificate are signed with."""
MOST_CRL_BYTES: Final = 32 * 1024 * 1024
_END: Final = b"-----END X509 CRL-----"
_BEGIN: Final = b"-----BEGIN X509 CRL-----"
_SLOW_CLOCK: Final = timedelta(seconds=60)


class RevocationList(Struct, frozen=True):
    """The revoked serial numbers of one authority, and from when to when the list is valid."""

    serials: frozenset[int]
    begins_at: datetime
    ends_at: datetime

    def fault_of(self, serial: int, now: datetime) -> CertificateFault | None:
        """Return why a certificate with this serial number is refused; an old list does not say that one is good."""
        if serial in self.serials:
            return CertificateFault.REVOKED
        if not self.begins_at - _SLOW_CLOCK <= now < self.ends_at:
            return CertificateFault.REVOCATIONS_UNAVAILABLE
        return None


def key_of(authority: x509.Certificate) -> AuthorityKey:
    """Return what the lists of an authority are found by."""
    public = authority.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return authority.subject.public_bytes(), public


def read_lists(
    file: Path, authorities: Iterable[x509.Certificate]
) -> Mapping[AuthorityKey, Sequence[RevocationList]]:
    """Return the lists in a file, each by its authority. Raises ConfigurationError for one that cannot be believed."""
    known = tuple(authorities)
    found: dict[AuthorityKey, list[RevocationList]] = {}
    for crl in _parse(file):
        key, revocations = _believed(crl, known, file)
        found.setdefault(key, []).append(revocations)
    return found


def _parse(file: Path) -> list[x509.CertificateRevocationList]:
    try:
        with file.open("rb") as opened:
            content = opened.read(MOST_CRL_BYTES + 1)
        if len(content) > MOST_CRL_BYTES:
            raise ConfigurationError(f"{file}: more than {MOST_CRL_BYTES:,} bytes")
        if _BEGIN not in content:
            return [x509.load_der_x509_crl(content)]
        parts = [part for part in content.split(_END)[:-1] if _BEGIN in part]
        return [x509.load_pem_x509_crl(part[part.index(_BEGIN) :] + _END + b"\n") for part in parts]
    except OSError as error:
        raise ConfigurationError(f"Cannot read the revocation list {file}: {error.strerror}.") from error
    except ValueError:
        raise ConfigurationError(f"{file} is no revocation list (CRL) in PEM or DER.") from None


def _believed(
    crl: x509.CertificateRevocationList, authorities: Iterable[x509.Certificate], file: Path
) -> tuple[AuthorityKey, RevocationList]:
    signer = next((each for each in authorities if _has_signed(each, crl)), None)
    if signer is None:
        raise ConfigurationError(
            f"{file}: no certificate in the CA file has signed a revocation list.",
            hint="Put the certificate of the authority that signs it into the CA file.",
        )
    try:
        if any(extension.critical for extension in crl.extensions):
            # Lists that are partial, indirect or differences say so in critical extensions.
            raise ConfigurationError(f"{file}: only complete revocation lists are supported.")
        ends_at = crl.next_update_utc
        if ends_at is None:
            raise ConfigurationError(f"{file}: a revocation list does not say until when it is valid.")
        serials = frozenset(each.serial_number for each in crl)
        return key_of(signer), RevocationList(serials, crl.last_update_utc, ends_at)
    except ValueError:
        raise ConfigurationError(f"{file}: a revocation list cannot be read.") from None


def _has_signed(authority: x509.Certificate, crl: x509.CertificateRevocationList) -> bool:
    try:
        return authority.subject == crl.issuer and crl.is_signature_valid(authority.public_key())  # type: ignore[arg-type]
    except (TypeError, ValueError, UnsupportedAlgorithm):
        return False
