"""TLS: a CA of the server's own and a leaf it signs, or certificates that were given."""

import ipaddress
import os
import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from ambassador_server.errors import ConfigurationError

_CA_LIFE = timedelta(days=3650)
_LEAF_LIFE = timedelta(days=397)
_RENEW_BEFORE = timedelta(days=30)
_BACKDATE = timedelta(hours=1)  # clients whose clocks are a little behind


@dataclass(frozen=True, slots=True)
class Certificates:
    """Files of the CA and the leaf, and the CA's SHA-256 fingerprint as `AA:BB:…`."""

    ca_file: Path
    certificate_file: Path
    key_file: Path
    ca_fingerprint: str
    ca_pem: bytes


def ensure_certificates(directory: Path, hostnames: Sequence[str]) -> Certificates:
    """Return certificates for these names, making the CA once and a new leaf when it is due or names changed.

    Raises ConfigurationError when the CA has expired or a file cannot be used.
    """
    ca_file, ca_key_file = directory / "ca.pem", directory / "ca-key.pem"
    leaf_file, leaf_key_file = directory / "server.pem", directory / "server-key.pem"
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not ca_file.exists():
            _make_ca(ca_file, ca_key_file)
        ca = x509.load_pem_x509_certificate(ca_file.read_bytes())
        if ca.not_valid_after_utc <= datetime.now(UTC):
            raise ConfigurationError(
                f"The CA certificate {ca_file} has expired.",
                hint=f"Move {directory} away and run `ambassador-server init --new-admin-key`; clients must trust the new CA.",
            )
        if not leaf_file.exists() or _is_due(leaf_file, ca, hostnames):
            _make_leaf(ca, ca_key_file, leaf_file, leaf_key_file, hostnames)
    except (OSError, ValueError, UnsupportedAlgorithm) as error:
        raise ConfigurationError(f"Cannot use the certificates in {directory}: {error}") from error
    fingerprint = ca.fingerprint(hashes.SHA256()).hex(":").upper()
    return Certificates(ca_file, leaf_file, leaf_key_file, fingerprint, ca_file.read_bytes())


def server_ssl_context(certificates: Certificates) -> ssl.SSLContext:
    """Return a context that serves our own leaf."""
    return given_ssl_context(certificates.certificate_file, certificates.key_file)


def given_ssl_context(certificate_file: Path, key_file: Path) -> ssl.SSLContext:
    """Return a context that serves the given certificate. Raises ConfigurationError when the files do not fit."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_cert_chain(certificate_file, key_file)
    except (OSError, ssl.SSLError) as error:
        raise ConfigurationError(f"Cannot use the certificate {certificate_file}: {error}") from error
    return context


def _make_ca(ca_file: Path, key_file: Path) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    name = _name("MCP Ambassador CA")
    now = datetime.now(UTC)
    certificate = (
        _builder(name, name, key, now, _CA_LIFE)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_key_usage(signs_certificates=True), critical=True)
        .sign(key, hashes.SHA256())
    )
    _write_private(key_file, _key_pem(key))
    _write_private(ca_file, certificate.public_bytes(serialization.Encoding.PEM))


def _make_leaf(
    ca: x509.Certificate, ca_key_file: Path, leaf_file: Path, key_file: Path, hostnames: Sequence[str]
) -> None:
    ca_key = serialization.load_pem_private_key(ca_key_file.read_bytes(), password=None)
    if not isinstance(ca_key, ec.EllipticCurvePrivateKey):
        raise ConfigurationError(f"{ca_key_file} is not an elliptic-curve key.")
    key = ec.generate_private_key(ec.SECP256R1())
    now = datetime.now(UTC)
    life = min(_LEAF_LIFE, ca.not_valid_after_utc - now)
    certificate = (
        _builder(_name("MCP Ambassador"), ca.subject, key, now, life, issuer_key=ca_key)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_key_usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectAlternativeName(_alternative_names(hostnames)), critical=False)
        .sign(ca_key, hashes.SHA256())
    )
    _write_private(key_file, _key_pem(key))
    _write_private(leaf_file, certificate.public_bytes(serialization.Encoding.PEM))


def _builder(
    subject: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePrivateKey,
    now: datetime,
    life: timedelta,
    issuer_key: ec.EllipticCurvePrivateKey | None = None,
) -> x509.CertificateBuilder:
    signer = (issuer_key or key).public_key()
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _BACKDATE)
        .not_valid_after(now + life)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer), critical=False)
    )


def _is_due(leaf_file: Path, ca: x509.Certificate, hostnames: Sequence[str]) -> bool:
    leaf = x509.load_pem_x509_certificate(leaf_file.read_bytes())
    names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return (
        leaf.not_valid_after_utc - datetime.now(UTC) < min(_RENEW_BEFORE, ca.not_valid_after_utc - datetime.now(UTC))
        or leaf.issuer != ca.subject
        or set(names) != set(_alternative_names(hostnames))
    )


def _alternative_names(hostnames: Sequence[str]) -> list[x509.GeneralName]:
    return [_alternative_name(name) for name in sorted(set(hostnames))]


def _alternative_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


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


def _key_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _write_private(path: Path, content: bytes) -> None:
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)
