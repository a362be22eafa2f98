"""TLS certificates: the server's own CA and the leaf it signs, or files that an administrator gives."""

import ssl
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from ambassador_server.crypto.certificate_names import alternative_names, name_constraints, outside
from ambassador_server.crypto.private_files import (
    WRITE_ACCESS,
    private_directory,
    read_private,
    write_private,
)
from ambassador_server.crypto.telling_tls import TellingContext
from ambassador_server.errors import ConfigurationError

_CA_LIFE = timedelta(days=3650)
_LEAF_LIFE = timedelta(days=397)  # the longest that clients accept for a server certificate
_RENEW_BEFORE = timedelta(days=30)
_BACKDATE = timedelta(hours=1)  # for clients whose clocks are slow


@dataclass(frozen=True, slots=True)
class Certificates:
    """Files of the CA and the leaf, the CA's SHA-256 fingerprint as `AA:BB:…`, and when the leaf expires."""

    ca_file: Path
    certificate_file: Path
    key_file: Path
    ca_fingerprint: str
    ca_pem: bytes
    expires_at: datetime


def ensure_certificates(
    directory: Path, hostnames: Iterable[str], now: datetime | None = None
) -> Certificates:
    """Return certificates for these names and this machine's own; makes the CA once and a new leaf when it is due.

    A leaf is due thirty days before it expires, and when the names or the CA have changed. Raises
    ConfigurationError when the CA has expired or was made for other names, a name is invalid, or a file cannot be used.
    """
    authority = _Authority(directory, now or datetime.now(UTC))
    names = alternative_names(hostnames)
    try:
        with private_directory(directory, refuse=WRITE_ACCESS):
            ca = authority.certificate(names)
            leaf = authority.leaf(ca, names)
    except OSError as error:
        raise ConfigurationError(f"Cannot use the certificates in {directory}: {error.strerror}.") from error
    return Certificates(
        ca_file=authority.ca_file,
        certificate_file=authority.leaf_file,
        key_file=authority.leaf_key_file,
        ca_fingerprint=ca.fingerprint(hashes.SHA256()).hex(":").upper(),
        ca_pem=_pem(ca),
        expires_at=leaf.not_valid_after_utc,
    )


def server_ssl_context(certificates: Certificates) -> ssl.SSLContext:
    """Return a context that serves the leaf of the server's own CA."""
    return given_ssl_context(certificates.certificate_file, certificates.key_file)


def given_ssl_context(certificate_file: Path, key_file: Path) -> ssl.SSLContext:
    """Return a context that serves the given certificate.

    Raises ConfigurationError when a file cannot be read, the key does not fit, or the certificate has expired.
    """
    context = TellingContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    try:
        certificate = x509.load_pem_x509_certificate(certificate_file.read_bytes())
        # With a password given, OpenSSL does not ask on the terminal for the one of an encrypted key.
        context.load_cert_chain(certificate_file, key_file, password="")
    except (OSError, ValueError) as error:
        raise ConfigurationError(
            f"Cannot use the certificate {certificate_file} with the key {key_file}: {error}."
        ) from error
    if certificate.not_valid_after_utc <= datetime.now(UTC):
        raise ConfigurationError(f"The certificate {certificate_file} has expired.")
    return context


class _Authority:
    """The server's own CA in its directory, which the caller has locked; `now` decides what is due."""

    def __init__(self, directory: Path, now: datetime) -> None:
        self.ca_file = directory / "ca.pem"
        self.leaf_file = directory / "server.pem"
        self.leaf_key_file = directory / "server-key.pem"
        self._ca_key_file = directory / "ca-key.pem"
        self._now = now.replace(microsecond=0)

    def certificate(self, names: list[x509.GeneralName]) -> x509.Certificate:
        """Return the CA; a new one may sign for these names alone."""
        content = read_private(self.ca_file, refuse=WRITE_ACCESS)
        if content is None:
            return self._make_ca(names)
        ca = _parse_certificate(content, self.ca_file)
        if ca.not_valid_after_utc <= self._now:
            raise ConfigurationError(
                f"The CA certificate {self.ca_file} has expired.",
                hint=f"Move {self.ca_file.parent} away and start again; clients must trust the new CA then.",
            )
        return ca

    def leaf(self, ca: x509.Certificate, names: list[x509.GeneralName]) -> x509.Certificate:
        """Return the existing leaf while it is valid for these names, else a new one."""
        content = read_private(self.leaf_file, refuse=WRITE_ACCESS)
        key = read_private(self.leaf_key_file)
        if content is not None and key is not None:
            leaf = _parse_certificate(content, self.leaf_file)
            if not self._is_due(leaf, ca, names) and _belong_together(leaf, key):
                return leaf
        return self._make_leaf(ca, names)

    def _is_due(self, leaf: x509.Certificate, ca: x509.Certificate, names: list[x509.GeneralName]) -> bool:
        # A leaf never outlives its CA, so in the CA's last month a new leaf would not last longer.
        margin = min(_RENEW_BEFORE, ca.not_valid_after_utc - self._now)
        return (
            leaf.not_valid_after_utc - self._now < margin
            or leaf.not_valid_before_utc > self._now
            or not _is_issued_by(leaf, ca)
            or _names_of(leaf) != set(names)
        )

    def _make_ca(self, names: list[x509.GeneralName]) -> x509.Certificate:
        key = ec.generate_private_key(ec.SECP256R1())
        name = _common_name("MCP Ambassador CA")
        certificate = (
            _builder(key, subject=name, issuer=name, issuer_key=key.public_key())
            .not_valid_before(self._now - _BACKDATE)
            .not_valid_after(self._now + _CA_LIFE)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_key_usage(signs_certificates=True), critical=True)
            .add_extension(name_constraints(names), critical=True)
            .sign(key, hashes.SHA256())
        )
        write_private(self._ca_key_file, _key_pem(key))
        write_private(self.ca_file, _pem(certificate))
        return certificate

    def _make_leaf(self, ca: x509.Certificate, names: list[x509.GeneralName]) -> x509.Certificate:
        self._check_permitted(ca, names)
        ca_key = self._ca_key(ca)
        key = ec.generate_private_key(ec.SECP256R1())
        begins = self._now - _BACKDATE
        certificate = (
            _builder(
                key, subject=_common_name("MCP Ambassador"), issuer=ca.subject, issuer_key=ca_key.public_key()
            )
            .not_valid_before(begins)
            .not_valid_after(min(begins + _LEAF_LIFE, ca.not_valid_after_utc))
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_key_usage(signs_certificates=False), critical=True)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
            .add_extension(x509.SubjectAlternativeName(names), critical=False)
            .sign(ca_key, hashes.SHA256())
        )
        write_private(self.leaf_key_file, _key_pem(key))
        write_private(self.leaf_file, _pem(certificate) + _pem(ca))
        return certificate

    def _check_permitted(self, ca: x509.Certificate, names: list[x509.GeneralName]) -> None:
        refused = outside(ca, names)
        if refused:
            raise ConfigurationError(
                f"The CA {self.ca_file} was made for other names and cannot sign a certificate for {refused[0]!r}.",
                hint=f"Take the name out of `hostnames`, or move {self.ca_file.parent} away and start again, "
                "which makes a CA for the names of today; clients must trust the new CA then.",
            )

    def _ca_key(self, ca: x509.Certificate) -> ec.EllipticCurvePrivateKey:
        content = read_private(self._ca_key_file)
        if content is None or not _belong_together(ca, content):
            raise ConfigurationError(
                f"{self._ca_key_file} is not the key of {self.ca_file}, so no server certificate can be made.",
                hint=f"Restore it, or move {self.ca_file.parent} away; clients must trust the new CA then.",
            )
        key = serialization.load_pem_private_key(content, password=None)
        if not isinstance(key, ec.EllipticCurvePrivateKey):
            raise ConfigurationError(f"{self._ca_key_file} is not an elliptic-curve key.")
        return key


def _builder(
    key: ec.EllipticCurvePrivateKey,
    *,
    subject: x509.Name,
    issuer: x509.Name,
    issuer_key: ec.EllipticCurvePublicKey,
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key), critical=False)
    )


def _parse_certificate(content: bytes, path: Path) -> x509.Certificate:
    try:
        return x509.load_pem_x509_certificate(content)
    except ValueError as error:
        raise ConfigurationError(f"{path} is not a PEM certificate.") from error


def _belong_together(certificate: x509.Certificate, key_pem: bytes) -> bool:
    try:
        key = serialization.load_pem_private_key(key_pem, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        return False
    return key.public_key() == certificate.public_key()


def _is_issued_by(leaf: x509.Certificate, ca: x509.Certificate) -> bool:
    try:
        leaf.verify_directly_issued_by(ca)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True


def _names_of(leaf: x509.Certificate) -> set[x509.GeneralName]:
    try:
        return set(leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value)
    except x509.ExtensionNotFound:
        return set()


def _common_name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _key_usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def _key_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
