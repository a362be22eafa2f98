"""Strict clients accept the certificates, they are renewed in time, and unusable ones are refused."""

import asyncio
import ipaddress
import ssl
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from stat import S_IMODE

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from ambassador_server.crypto.certificates import (
    Certificates,
    ensure_certificates,
    given_ssl_context,
    server_ssl_context,
)
from ambassador_server.errors import ConfigurationError
from tests.patience import PATIENCE

NOW = datetime.now(UTC).replace(microsecond=0)


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return tmp_path / "data" / "certificates"


def leaf_of(certificates: Certificates) -> x509.Certificate:
    return x509.load_pem_x509_certificate(certificates.certificate_file.read_bytes())


def names_of(certificates: Certificates) -> set[str]:
    names = leaf_of(certificates).extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return {str(name.value) for name in names}


def strict_client(
    ca_pem: bytes, *, maximum: ssl.TLSVersion = ssl.TLSVersion.MAXIMUM_SUPPORTED
) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.verify_flags |= ssl.VERIFY_X509_STRICT | ssl.VERIFY_X509_PARTIAL_CHAIN
    context.load_verify_locations(cadata=ca_pem.decode())
    context.maximum_version = maximum
    return context


def ca_of(directory: Path) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
    key = serialization.load_pem_private_key((directory / "ca-key.pem").read_bytes(), password=None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    return x509.load_pem_x509_certificate((directory / "ca.pem").read_bytes()), key


def sign(directory: Path, name: str) -> ssl.SSLContext:
    """Return the context of a server with this name, whose certificate was made with the stolen key of the CA."""
    ca, ca_key = ca_of(directory)
    leaf = x509.load_pem_x509_certificate((directory / "server.pem").read_bytes())
    builder = x509.CertificateBuilder(
        subject_name=leaf.subject,
        issuer_name=ca.subject,
        public_key=leaf.public_key(),
        serial_number=x509.random_serial_number(),
        not_valid_before=leaf.not_valid_before_utc,
        not_valid_after=leaf.not_valid_after_utc,
        extensions=[
            each for each in leaf.extensions if not isinstance(each.value, x509.SubjectAlternativeName)
        ],
    )
    try:
        named: x509.GeneralName = x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        named = x509.DNSName(name)
    forged = builder.add_extension(x509.SubjectAlternativeName([named]), critical=False)
    file = directory / "forged.pem"
    file.write_bytes(
        forged.sign(ca_key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
        + ca.public_bytes(serialization.Encoding.PEM)
    )
    return given_ssl_context(file, directory / "server-key.pem")


def make_ca_without_constraints(directory: Path) -> None:
    """Replace the CA by one as earlier versions made it."""
    ca, ca_key = ca_of(directory)
    unconstrained = x509.CertificateBuilder(
        subject_name=ca.subject,
        issuer_name=ca.issuer,
        public_key=ca.public_key(),
        serial_number=ca.serial_number,
        not_valid_before=ca.not_valid_before_utc,
        not_valid_after=ca.not_valid_after_utc,
        extensions=[each for each in ca.extensions if not isinstance(each.value, x509.NameConstraints)],
    )
    (directory / "ca.pem").write_bytes(
        unconstrained.sign(ca_key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
    )


async def shake_hands(server: ssl.SSLContext, client: ssl.SSLContext, name: str) -> str | None:
    """Return the protocol version that both agreed on."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(await reader.read(4))
        await writer.drain()
        writer.close()

    listener = await asyncio.start_server(answer, "127.0.0.1", 0, ssl=server)
    port = listener.sockets[0].getsockname()[1]
    async with asyncio.timeout(PATIENCE), listener:
        reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=client, server_hostname=name)
        writer.write(b"ping")
        assert await reader.read(4) == b"ping"
        version: str | None = writer.get_extra_info("ssl_object").version()
        writer.close()
        await writer.wait_closed()
    return version


@pytest.mark.parametrize("name", ["localhost", "127.0.0.1", "::1", "gateway.example.org", "192.0.2.7"])
async def test_strict_client_that_trusts_only_the_ca_accepts_the_leaf(directory: Path, name: str):
    certificates = ensure_certificates(directory, ["gateway.example.org", "192.0.2.7"])
    client = strict_client(certificates.ca_pem)
    assert await shake_hands(server_ssl_context(certificates), client, name) == "TLSv1.3"


async def test_tls_1_2_is_the_minimum(directory: Path):
    server = server_ssl_context(ensure_certificates(directory, []))
    ca_pem = (directory / "ca.pem").read_bytes()
    old = strict_client(ca_pem, maximum=ssl.TLSVersion.TLSv1_2)
    assert await shake_hands(server, old, "localhost") == "TLSv1.2"
    assert server.minimum_version == ssl.TLSVersion.TLSv1_2


async def test_client_of_another_ca_refuses(directory: Path, tmp_path: Path):
    other = ensure_certificates(tmp_path / "other", [])
    server = server_ssl_context(ensure_certificates(directory, []))
    with pytest.raises(ssl.SSLCertVerificationError, match="verify failed"):
        await shake_hands(server, strict_client(other.ca_pem), "localhost")


async def test_name_that_is_not_in_the_certificate_is_refused(directory: Path):
    certificates = ensure_certificates(directory, ["gateway.example.org"])
    with pytest.raises(ssl.SSLCertVerificationError, match="mismatch"):
        await shake_hands(
            server_ssl_context(certificates), strict_client(certificates.ca_pem), "other.example.org"
        )


def test_extensions_of_the_certificates(directory: Path):
    certificates = ensure_certificates(
        directory, ["Gateway.example.org", "[2001:db8::1]", "0.0.0.0", "bücher.example"]
    )
    ca, leaf = x509.load_pem_x509_certificate(certificates.ca_pem), leaf_of(certificates)
    assert ca.extensions.get_extension_for_class(x509.BasicConstraints).value == x509.BasicConstraints(
        True, 0
    )
    assert ca.extensions.get_extension_for_class(x509.BasicConstraints).critical
    assert ca.extensions.get_extension_for_class(x509.KeyUsage).value.key_cert_sign
    assert timedelta(days=3649) < ca.not_valid_after_utc - NOW <= timedelta(days=3651)
    assert leaf.not_valid_after_utc - leaf.not_valid_before_utc <= timedelta(days=397)
    assert leaf.not_valid_after_utc == certificates.expires_at
    assert names_of(certificates) == {
        "localhost",
        "127.0.0.1",
        "::1",
        "gateway.example.org",
        "2001:db8::1",
        "xn--bcher-kva.example",
    }
    identifier = ca.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value.key_identifier
    authority = leaf.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value
    assert authority.key_identifier == identifier
    assert certificates.ca_fingerprint == ":".join(f"{byte:02X}" for byte in ca.fingerprint(hashes.SHA256()))


def test_files_are_for_the_owner_alone(directory: Path):
    ensure_certificates(directory, [])
    assert S_IMODE(directory.stat().st_mode) == 0o700
    assert {path.name: S_IMODE(path.stat().st_mode) for path in directory.iterdir()} == dict.fromkeys(
        ["ca.pem", "ca-key.pem", "server.pem", "server-key.pem"], 0o600
    )


def test_certificates_stay_while_nothing_changes(directory: Path):
    first = ensure_certificates(directory, ["a.example", "b.example"], NOW)
    before = {path.name: path.read_bytes() for path in directory.iterdir()}
    assert ensure_certificates(directory, ["b.example", "a.example", "localhost"], NOW) == first
    almost_due = first.expires_at - timedelta(days=30)
    assert ensure_certificates(directory, ["a.example", "b.example"], almost_due) == first
    assert {path.name: path.read_bytes() for path in directory.iterdir()} == before


def test_leaf_is_renewed_before_it_expires(directory: Path):
    first = ensure_certificates(directory, [], NOW)
    later = first.expires_at - timedelta(days=29)
    second = ensure_certificates(directory, [], later)
    assert second.expires_at > later + timedelta(days=360)
    assert second.ca_fingerprint == first.ca_fingerprint


def test_leaf_follows_the_names(directory: Path):
    first = ensure_certificates(directory, ["old.example", "kept.example"])
    second = ensure_certificates(directory, ["kept.example", "new.old.example", "*.kept.example"])
    assert {"kept.example", "new.old.example", "*.kept.example"} <= names_of(second)
    assert "old.example" not in names_of(second)
    assert second.ca_pem == first.ca_pem


@pytest.mark.parametrize("name", ["new.example", "notold.example", "example", "192.0.2.8", "2001:db8::1"])
def test_names_that_the_ca_was_not_made_for_are_refused_with_a_hint(directory: Path, name: str):
    before = ensure_certificates(directory, ["old.example", "192.0.2.7"])
    leaf = before.certificate_file.read_bytes()
    with pytest.raises(ConfigurationError, match="was made for other names") as caught:
        ensure_certificates(directory, ["old.example", name])
    assert repr(name) in str(caught.value)
    assert "clients must trust the new CA" in str(caught.value.hint)
    assert before.certificate_file.read_bytes() == leaf


@pytest.mark.parametrize("name", ["bank.example", "192.0.2.8"])
async def test_strict_client_refuses_what_a_stolen_ca_key_signs_for_another_server(
    directory: Path, name: str
):
    certificates = ensure_certificates(directory, ["gateway.example", "192.0.2.7"])
    forged = sign(directory, name)
    with pytest.raises(ssl.SSLCertVerificationError, match="permitted subtree violation"):
        await shake_hands(forged, strict_client(certificates.ca_pem), name)


async def test_ca_that_was_made_without_constraints_signs_for_new_names(directory: Path):
    ensure_certificates(directory, ["old.example"])
    make_ca_without_constraints(directory)
    certificates = ensure_certificates(directory, ["new.example"])
    assert await shake_hands(
        server_ssl_context(certificates), strict_client(certificates.ca_pem), "new.example"
    )


def test_leaf_never_outlives_its_ca(directory: Path):
    ensure_certificates(directory, [], NOW)
    ca_end = x509.load_pem_x509_certificate((directory / "ca.pem").read_bytes()).not_valid_after_utc
    last = ensure_certificates(directory, [], ca_end - timedelta(days=10))
    assert last.expires_at == ca_end
    assert ensure_certificates(directory, [], ca_end - timedelta(days=9)) == last


def test_expired_ca_is_refused_with_a_hint(directory: Path):
    ensure_certificates(directory, [], NOW)
    with pytest.raises(ConfigurationError, match="has expired") as caught:
        ensure_certificates(directory, [], NOW + timedelta(days=3651))
    assert caught.value.hint is not None
    assert "clients must trust the new CA" in caught.value.hint


def _remove_key(directory: Path) -> None:
    (directory / "server-key.pem").unlink()


def _remove_leaf(directory: Path) -> None:
    (directory / "server.pem").unlink()


def _mix_up_keys(directory: Path) -> None:
    (directory / "server-key.pem").write_bytes((directory / "ca-key.pem").read_bytes())


def _break_key(directory: Path) -> None:
    (directory / "server-key.pem").write_bytes(b"rubbish")


def _leaf_of_another_ca(directory: Path) -> None:
    other = directory.with_name("other")
    ensure_certificates(other, [])
    for name in ("server.pem", "server-key.pem"):
        (directory / name).write_bytes((other / name).read_bytes())


@pytest.mark.parametrize("damage", [_remove_key, _remove_leaf, _mix_up_keys, _break_key, _leaf_of_another_ca])
async def test_damaged_leaf_is_replaced(directory: Path, damage: Callable[[Path], None]):
    first = ensure_certificates(directory, [])
    damage(directory)
    again = ensure_certificates(directory, [])
    assert again.ca_pem == first.ca_pem
    assert await shake_hands(server_ssl_context(again), strict_client(again.ca_pem), "localhost")


def test_ca_without_its_key_is_enough_until_a_leaf_is_due(directory: Path):
    first = ensure_certificates(directory, [], NOW)
    (directory / "ca-key.pem").unlink()
    assert ensure_certificates(directory, [], NOW) == first
    with pytest.raises(ConfigurationError, match=r"ca-key\.pem is not the key of"):
        ensure_certificates(directory, ["new.localhost"], NOW)


@pytest.mark.parametrize("name", ["ca-key.pem", "server-key.pem"])
def test_key_that_other_users_may_read_is_refused(directory: Path, name: str):
    ensure_certificates(directory, [])
    (directory / name).chmod(0o640)
    with pytest.raises(ConfigurationError, match="can be read by others") as caught:
        ensure_certificates(directory, ["needs-the-ca-key.localhost"])
    assert caught.value.hint == f"Run: chmod 600 {directory / name}"


def test_other_users_may_read_but_not_change_certificates(directory: Path):
    first = ensure_certificates(directory, [])
    directory.chmod(0o755)
    (directory / "ca.pem").chmod(0o644)
    assert ensure_certificates(directory, []) == first
    (directory / "ca.pem").chmod(0o666)
    with pytest.raises(ConfigurationError, match="can be changed by others"):
        ensure_certificates(directory, [])


def test_file_that_is_not_a_certificate_is_named(directory: Path):
    ensure_certificates(directory, [])
    (directory / "ca.pem").write_bytes(b"rubbish")
    with pytest.raises(ConfigurationError, match=r"ca\.pem is not a PEM certificate"):
        ensure_certificates(directory, [])


@pytest.mark.parametrize("name", ["", "two words", "a/b", "x" * 300, "bad..example", "-dash.example", "a\n"])
def test_invalid_host_name_is_refused(directory: Path, name: str):
    with pytest.raises(ConfigurationError, match="neither a host name nor an IP address"):
        ensure_certificates(directory, [name])


async def test_given_certificate_is_served(directory: Path):
    own = ensure_certificates(directory, [])
    context = given_ssl_context(own.certificate_file, own.key_file)
    assert await shake_hands(context, strict_client(own.ca_pem), "localhost")


def test_given_files_that_are_missing_or_do_not_fit_are_refused(directory: Path, tmp_path: Path):
    own = ensure_certificates(directory, [])
    for certificate, key in [
        (own.certificate_file, directory / "ca-key.pem"),
        (tmp_path / "missing.pem", own.key_file),
        (own.certificate_file, tmp_path / "missing.pem"),
        (own.key_file, own.key_file),
    ]:
        with pytest.raises(ConfigurationError, match="Cannot use the certificate"):
            given_ssl_context(certificate, key)


def test_encrypted_key_is_refused_without_a_prompt(directory: Path):
    own = ensure_certificates(directory, [])
    key = serialization.load_pem_private_key(own.key_file.read_bytes(), password=None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    encrypted = directory / "encrypted.pem"
    encrypted.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(b"passphrase"),
        )
    )
    with pytest.raises(ConfigurationError, match="Cannot use the certificate"):
        given_ssl_context(own.certificate_file, encrypted)


def test_given_certificate_that_has_expired_is_refused(directory: Path):
    long_ago = NOW - timedelta(days=1000)
    own = ensure_certificates(directory, [], long_ago)
    with pytest.raises(ConfigurationError, match="has expired"):
        given_ssl_context(own.certificate_file, own.key_file)
