"""Certificates for a server on loopback, made for one test."""

import ssl
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

FAR_AWAY = "ambassador.invalid"
"""Another name of the server, which does not resolve."""


def make_server_identity(directory: Path, *, lax: bool = False) -> tuple[ssl.SSLContext, Path]:
    """Return the TLS context of a server at 127.0.0.1 and the CA file that verifies it.

    A lax CA says nothing of its key usage, as those of many organisations do.
    """
    (context,), ca_file = make_server_identities(directory, 1, lax=lax)
    return context, ca_file


def make_server_identities(
    directory: Path, count: int, *, lax: bool = False
) -> tuple[list[ssl.SSLContext], Path]:
    """Return the contexts of successive certificates of one server, and the CA file that verifies all."""
    authority_key = ec.generate_private_key(ec.SECP256R1())
    authority_name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Test CA")])
    authority = _certificate(authority_name, authority_name, authority_key, authority_key, lax=lax)
    ca_file = directory / "ca.pem"
    ca_file.write_bytes(authority.public_bytes(serialization.Encoding.PEM))
    return [
        _context(directory / f"server-{n}.pem", authority_name, authority_key) for n in range(count)
    ], ca_file


def _context(
    chain_file: Path, authority_name: x509.Name, authority_key: ec.EllipticCurvePrivateKey
) -> ssl.SSLContext:
    leaf_key = ec.generate_private_key(ec.SECP256R1())
    leaf_name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    leaf = _certificate(leaf_name, authority_name, leaf_key, authority_key)
    chain_file.write_bytes(
        leaf_key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        + leaf.public_bytes(serialization.Encoding.PEM)
    )
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(chain_file)
    return context


def _certificate(
    subject: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePrivateKey,
    signing_key: ec.EllipticCurvePrivateKey,
    *,
    lax: bool = False,
) -> x509.Certificate:
    is_authority = subject == issuer
    now = datetime.now(UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(signing_key.public_key()), critical=False
        )
    )
    if is_authority and not lax:
        usage = x509.KeyUsage(
            digital_signature=True,
            key_cert_sign=True,
            crl_sign=True,
            content_commitment=False,
            key_encipherment=False,
            data_encipherment=False,
            key_agreement=False,
            encipher_only=False,
            decipher_only=False,
        )
        builder = builder.add_extension(usage, critical=True)
    if not is_authority:
        names = x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1")), x509.DNSName(FAR_AWAY)])
        builder = builder.add_extension(names, critical=False)
    return builder.sign(signing_key, hashes.SHA256())
