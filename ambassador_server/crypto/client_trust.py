"""Verifies client certificates: against the authorities of a CA file, and the revocation lists of another file."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, ExtensionOID, NameOID
from cryptography.x509.verification import (
    Criticality,
    ExtensionPolicy,
    PolicyBuilder,
    Store,
    VerificationError,
)

from ambassador_server.crypto.revocation_lists import AuthorityKey, RevocationList, key_of, read_lists
from ambassador_server.domain.people.certificates import CertificateFault, NameKind, PeerCertificate
from ambassador_server.errors import ConfigurationError

MOST_NAMES: Final = 100
MOST_IN_CHAIN: Final = 10
MOST_BYTES: Final = 64 * 1024
"""The bytes that all certificates of a chain may have."""
_LONGEST_NAME: Final = 2_048
_MOST_CA_BYTES: Final = 4 * 1024 * 1024
_MOST_AUTHORITIES: Final = 1_000
_LEAST_RSA_BITS: Final = 2048
_LEAST_CURVE_BITS: Final = 256
_STRONG: Final = (hashes.SHA256, hashes.SHA384, hashes.SHA512)
_UNDERSTOOD: Final = frozenset(
    {
        ExtensionOID.BASIC_CONSTRAINTS,
        ExtensionOID.KEY_USAGE,
        ExtensionOID.EXTENDED_KEY_USAGE,
        ExtensionOID.SUBJECT_ALTERNATIVE_NAME,
        ExtensionOID.CERTIFICATE_POLICIES,
    }
)
_KINDS: Final[Mapping[type[x509.GeneralName], NameKind]] = {
    x509.RFC822Name: NameKind.EMAIL,
    x509.UniformResourceIdentifier: NameKind.URI,
    x509.DNSName: NameKind.DNS,
}


class ClientTrust:
    """The authorities whose certificates are accepted, as the files have them; never changed."""

    def __init__(
        self,
        authorities: Sequence[x509.Certificate],
        lists: Mapping[AuthorityKey, Sequence[RevocationList]] | None,
    ) -> None:
        self._anchors = [each for each in authorities if each.subject == each.issuer]
        self._intermediates = [each for each in authorities if each.subject != each.issuer]
        self._store = Store(self._anchors)
        self._lists = lists

    @classmethod
    def read(cls, ca_file: Path, crl_file: Path | None) -> "ClientTrust":
        """Read the files. Raises ConfigurationError for one that cannot be used."""
        authorities = read_authorities(ca_file)
        return cls(authorities, None if crl_file is None else read_lists(crl_file, authorities))

    @property
    def has_lists(self) -> bool:
        """Tell whether certificates are looked up in revocation lists."""
        return self._lists is not None

    def list_fault(self, now: datetime) -> bool:
        """Tell whether an authority has no list that is valid now, so that its certificates are refused."""
        return self._lists is not None and any(
            all(each.fault_of(-1, now) is not None for each in lists) for lists in self._lists.values()
        )

    def has_expired(self, now: datetime) -> bool:
        """Tell whether all authorities have expired, so that no certificate is accepted."""
        return all(each.not_valid_after_utc <= now for each in self._anchors)

    def examine(self, chain: Sequence[bytes], now: datetime) -> PeerCertificate | CertificateFault:
        """Return what a certificate says whose chain is verified, or why it is refused; any bytes may be given."""
        if not 0 < len(chain) <= MOST_IN_CHAIN or sum(map(len, chain)) > MOST_BYTES:
            return CertificateFault.UNREADABLE
        try:
            leaf, *others = [x509.load_der_x509_certificate(each) for each in chain]
            return _leaf_fault(leaf, now) or self._verify(leaf, others, tuple(chain), now)
        except (ValueError, TypeError, UnsupportedAlgorithm, x509.DuplicateExtension):
            return CertificateFault.UNREADABLE

    def _verify(
        self, leaf: x509.Certificate, others: list[x509.Certificate], chain: tuple[bytes, ...], now: datetime
    ) -> PeerCertificate | CertificateFault:
        policy = ExtensionPolicy.permit_all().require_present(
            x509.SubjectAlternativeName, Criticality.AGNOSTIC, None
        )
        verifier = (
            PolicyBuilder()
            .store(self._store)
            .time(now)
            .extension_policies(ca_policy=ExtensionPolicy.webpki_defaults_ca(), ee_policy=policy)
            .build_client_verifier()
        )
        try:
            verified = verifier.verify(leaf, [*others, *self._intermediates]).chain
        except VerificationError:
            return CertificateFault.UNKNOWN_AUTHORITY
        revoked = self._revocation_fault(verified, now)
        if revoked is not None:
            return revoked
        return PeerCertificate(
            chain=chain,
            authorities=tuple(fingerprint(each) for each in verified[1:]),
            serial=f"{leaf.serial_number:x}",
            names=_names(leaf),
            units=_units(leaf),
            expires_at=min(each.not_valid_after_utc for each in verified),
        )

    def _revocation_fault(
        self, verified: Sequence[x509.Certificate], now: datetime
    ) -> CertificateFault | None:
        """Return a fault if a certificate of the chain is revoked, or no valid list says that it is not."""
        if self._lists is None:
            return None
        for certificate, authority in pairwise(verified):
            lists = self._lists.get(key_of(authority), ())
            faults = [each.fault_of(certificate.serial_number, now) for each in lists]
            if CertificateFault.REVOKED in faults:
                return CertificateFault.REVOKED
            if None not in faults:
                return CertificateFault.REVOCATIONS_UNAVAILABLE
        return None


def read_authorities(file: Path) -> list[x509.Certificate]:
    """Return the certificates in a CA file. Raises ConfigurationError without one that signs itself."""
    try:
        with file.open("rb") as opened:
            content = opened.read(_MOST_CA_BYTES + 1)
        if len(content) > _MOST_CA_BYTES:
            raise ConfigurationError(f"{file}: more than {_MOST_CA_BYTES:,} bytes")
        found = x509.load_pem_x509_certificates(content)
    except OSError as error:
        raise ConfigurationError(f"Cannot read the CA file {file}: {error.strerror}.") from error
    except ValueError:
        raise ConfigurationError(f"{file} has no certificates in PEM.") from None
    if len(found) > _MOST_AUTHORITIES:
        raise ConfigurationError(f"{file}: at most {_MOST_AUTHORITIES:,} certificates")
    if not any(each.subject == each.issuer for each in found):
        raise ConfigurationError(
            f"{file}: no certificate signs itself.",
            hint="Put the root of the authority into the file; its intermediate certificates may stand beside it.",
        )
    return found


def fingerprint(certificate: x509.Certificate) -> str:
    """Return the SHA-256 fingerprint in small hexadecimal digits."""
    return certificate.fingerprint(hashes.SHA256()).hex()


def _leaf_fault(leaf: x509.Certificate, now: datetime) -> CertificateFault | None:
    """Return what is wrong with the certificate itself, before its signature is looked at."""
    if now < leaf.not_valid_before_utc:
        return CertificateFault.NOT_YET_VALID
    if now >= leaf.not_valid_after_utc:
        return CertificateFault.EXPIRED
    if not _is_strong(leaf):
        return CertificateFault.WEAK
    if not _is_for_clients(leaf.extensions):
        return CertificateFault.NOT_FOR_CLIENTS
    names = _alternative_names(leaf)
    if not names:
        return CertificateFault.NO_NAMES
    return CertificateFault.TOO_MANY_NAMES if len(names) > MOST_NAMES else None


def _is_strong(leaf: x509.Certificate) -> bool:
    key, used = leaf.public_key(), leaf.signature_hash_algorithm
    if isinstance(key, rsa.RSAPublicKey) and key.key_size < _LEAST_RSA_BITS:
        return False
    if isinstance(key, ec.EllipticCurvePublicKey) and key.curve.key_size < _LEAST_CURVE_BITS:
        return False
    known = isinstance(key, rsa.RSAPublicKey | ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey)
    # A signature with Ed25519 has a hash of its own.
    return known and (used is None or isinstance(used, _STRONG))


def _is_for_clients(extensions: x509.Extensions) -> bool:
    """Tell whether a certificate is one of clients: it has to say so, and demand nothing that is not understood."""
    if any(each.critical and each.oid not in _UNDERSTOOD for each in extensions):
        return False
    given = {each.oid: each.value for each in extensions}
    usage, constraints = given.get(ExtensionOID.EXTENDED_KEY_USAGE), given.get(ExtensionOID.BASIC_CONSTRAINTS)
    keys = given.get(ExtensionOID.KEY_USAGE)
    return (
        isinstance(usage, x509.ExtendedKeyUsage)
        and ExtendedKeyUsageOID.CLIENT_AUTH in usage
        and not (isinstance(constraints, x509.BasicConstraints) and constraints.ca)
        and not (isinstance(keys, x509.KeyUsage) and not keys.digital_signature)
    )


def _alternative_names(leaf: x509.Certificate) -> Sequence[x509.GeneralName]:
    try:
        return list(leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value)
    except x509.ExtensionNotFound:
        return ()


def _names(leaf: x509.Certificate) -> tuple[tuple[NameKind, str], ...]:
    """Return the names that may name a user. One with other characters than those of ASCII that can be seen is none."""
    found: dict[tuple[NameKind, str], None] = {}
    for each in _alternative_names(leaf):
        kind, value = _KINDS.get(type(each)), each.value
        if kind is None or not isinstance(value, str) or not 0 < len(value) <= _LONGEST_NAME:
            continue
        if value.isascii() and value.isprintable() and not {" ", "*"} & {*value}:
            found[kind, value] = None
    return tuple(found)


def _units(leaf: x509.Certificate) -> tuple[str, ...]:
    found = leaf.subject.get_attributes_for_oid(NameOID.ORGANIZATIONAL_UNIT_NAME)
    return tuple(sorted({str(each.value) for each in found}))
