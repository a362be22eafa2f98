"""An authority for one test: it signs client certificates, good and bad ones, and revocation lists."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

CLIENT = ExtendedKeyUsageOID.CLIENT_AUTH
HOUR = timedelta(hours=1)


def email(value: str) -> x509.GeneralName:
    return x509.RFC822Name(value)


def uri(value: str) -> x509.GeneralName:
    return x509.UniformResourceIdentifier(value)


def dns(value: str) -> x509.GeneralName:
    return x509.DNSName(value)


def pem(certificate: x509.Certificate | x509.CertificateRevocationList) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def der(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.DER)


@dataclass(frozen=True)
class Identity:
    """A client certificate, the certificates of intermediate authorities, and the key."""

    certificate: x509.Certificate
    key: Any
    above: tuple[x509.Certificate, ...] = ()

    @property
    def chain(self) -> list[bytes]:
        return [der(self.certificate), *map(der, self.above)]

    @property
    def serial(self) -> str:
        return f"{self.certificate.serial_number:x}"

    def files(self, directory: Path, name: str, *, passphrase: str | None = None) -> tuple[str, str]:
        """Write the chain and the key, and return the paths."""
        cert_file, key_file = directory / f"{name}.pem", directory / f"{name}.key"
        cert_file.write_bytes(b"".join(map(pem, (self.certificate, *self.above))))
        sealing = (
            serialization.NoEncryption()
            if passphrase is None
            else serialization.BestAvailableEncryption(passphrase.encode())
        )
        key_file.write_bytes(
            self.key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, sealing)
        )
        key_file.chmod(0o600)
        return str(cert_file), str(key_file)


class Authority:
    """A root, or an authority below another one."""

    def __init__(
        self, name: str = "People", parent: "Authority | None" = None, *, ends: timedelta = HOUR
    ) -> None:
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        self.parent = parent
        signer = parent or self
        usage = dict.fromkeys(
            ("content_commitment", "key_encipherment", "data_encipherment", "key_agreement"), False
        )
        self.certificate = (
            builder(self.key.public_key(), self.name, signer, ends=ends)
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .add_extension(
                x509.KeyUsage(
                    digital_signature=True,
                    key_cert_sign=True,
                    crl_sign=True,
                    encipher_only=False,
                    decipher_only=False,
                    **usage,
                ),
                critical=True,
            )
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(self.key.public_key()), critical=False)
            .sign(signer.key, hashes.SHA256())
        )

    @property
    def pem(self) -> str:
        return pem(self.certificate).decode()

    @property
    def fingerprint(self) -> str:
        return self.certificate.fingerprint(hashes.SHA256()).hex()

    def issue(
        self,
        *names: x509.GeneralName,
        usage: Sequence[x509.ObjectIdentifier] | None = (CLIENT,),
        key: Any = None,
        units: Iterable[str] = (),
        begins: timedelta = -HOUR,
        ends: timedelta = HOUR,
        extensions: Iterable[tuple[x509.ExtensionType, bool]] = (),
    ) -> Identity:
        """Sign a certificate with these names."""
        own = key or ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.ORGANIZATIONAL_UNIT_NAME, unit) for unit in units])
        made = builder(own.public_key(), subject, self, begins, ends)
        if names:
            made = made.add_extension(x509.SubjectAlternativeName(names), critical=not units)
        if usage is not None:
            made = made.add_extension(x509.ExtendedKeyUsage(usage), critical=False)
        for extension, critical in extensions:
            made = made.add_extension(extension, critical=critical)
        above = () if self.parent is None else (self.certificate,)
        return Identity(made.sign(self.key, hashes.SHA256()), own, above)

    def revocations(
        self,
        *revoked: Identity,
        ends: timedelta = HOUR,
        begins: timedelta = -HOUR,
        extensions: Iterable[tuple[x509.ExtensionType, bool]] = (),
    ) -> x509.CertificateRevocationList:
        """Sign a revocation list."""
        now = datetime.now(UTC)
        made = (
            x509.CertificateRevocationListBuilder()
            .issuer_name(self.name)
            .last_update(now + begins)
            .next_update(now + ends)
            .add_extension(x509.CRLNumber(1), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key()), critical=False
            )
        )
        for each in revoked:
            made = made.add_revoked_certificate(
                x509.RevokedCertificateBuilder()
                .serial_number(each.certificate.serial_number)
                .revocation_date(now + begins)
                .build()
            )
        for extension, critical in extensions:
            made = made.add_extension(extension, critical=critical)
        return made.sign(self.key, hashes.SHA256())


def builder(
    key: Any, subject: x509.Name, signer: Authority, begins: timedelta = -HOUR, ends: timedelta = HOUR
) -> x509.CertificateBuilder:
    """Return what all certificates have."""
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(signer.name)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now + begins)
        .not_valid_after(now + ends)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.key.public_key()), critical=False
        )
    )
