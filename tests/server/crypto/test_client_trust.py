"""Client certificates are accepted from known authorities alone, while they are valid, strong, and not revoked."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID
from hypothesis import given
from hypothesis import strategies as st

from ambassador_server.crypto.client_trust import ClientTrust, read_authorities
from ambassador_server.domain.people.certificates import CertificateFault, NameKind, PeerCertificate
from ambassador_server.errors import ConfigurationError
from tests.authorities import HOUR, Authority, Identity, der, dns, email, pem, uri

ROOT = Authority()
ALICE = uri("spiffe://acme.example/user/alice")


def trust(directory: Path, *authorities: Authority, crls: tuple[Any, ...] | None = None) -> ClientTrust:
    """Return the trust in these authorities."""
    ca_file, crl_file = directory / "ca.pem", directory / "crl.pem"
    ca_file.write_text("".join(each.pem for each in authorities or (ROOT,)))
    if crls is None:
        return ClientTrust.read(ca_file, None)
    crl_file.write_bytes(b"".join(map(pem, crls)))
    return ClientTrust.read(ca_file, crl_file)


def examined(found: ClientTrust, who: Identity) -> PeerCertificate | CertificateFault:
    return found.examine(who.chain, datetime.now(UTC))


def test_names_that_may_name_users_are_read(tmp_path: Path) -> None:
    who = ROOT.issue(
        email("alice@acme.example"), ALICE, dns("alice.people.acme.example"), units=("eng", "ops")
    )
    found = examined(trust(tmp_path), who)
    assert isinstance(found, PeerCertificate)
    assert found.names == (
        (NameKind.EMAIL, "alice@acme.example"),
        (NameKind.URI, "spiffe://acme.example/user/alice"),
        (NameKind.DNS, "alice.people.acme.example"),
    )
    assert found.units == ("eng", "ops")
    assert found.authorities == (ROOT.fingerprint,)
    assert found.serial == who.serial


@pytest.mark.parametrize("where", ["sent", "in the file"])
def test_chain_leads_over_intermediate_authorities(tmp_path: Path, where: str) -> None:
    below = Authority("Engineers", ROOT)
    who = below.issue(ALICE)
    if where == "in the file":
        who, found = Identity(who.certificate, who.key), trust(tmp_path, ROOT, below)
    else:
        found = trust(tmp_path)
    peer = examined(found, who)
    assert isinstance(peer, PeerCertificate)
    assert peer.authorities == (below.fingerprint, ROOT.fingerprint)


def self_signed() -> Identity:
    key = ec.generate_private_key(ec.SECP256R1())
    own = Authority()
    return Identity(own.certificate, key)


BAD: dict[str, tuple[Identity, CertificateFault]] = {
    "expired": (ROOT.issue(ALICE, begins=-2 * HOUR, ends=-HOUR), CertificateFault.EXPIRED),
    "not yet valid": (ROOT.issue(ALICE, begins=HOUR, ends=2 * HOUR), CertificateFault.NOT_YET_VALID),
    "for servers": (
        ROOT.issue(ALICE, usage=(ExtendedKeyUsageOID.SERVER_AUTH,)),
        CertificateFault.NOT_FOR_CLIENTS,
    ),
    "for anything": (
        ROOT.issue(ALICE, usage=(ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE,)),
        CertificateFault.NOT_FOR_CLIENTS,
    ),
    "without a usage": (ROOT.issue(ALICE, usage=None), CertificateFault.NOT_FOR_CLIENTS),
    "an authority": (
        ROOT.issue(ALICE, extensions=[(x509.BasicConstraints(ca=True, path_length=None), True)]),
        CertificateFault.NOT_FOR_CLIENTS,
    ),
    "demanding more": (
        ROOT.issue(
            ALICE, extensions=[(x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3.4"), b""), True)]
        ),
        CertificateFault.NOT_FOR_CLIENTS,
    ),
    "1024 bits": (
        ROOT.issue(ALICE, key=rsa.generate_private_key(65537, 1024)),
        CertificateFault.WEAK,
    ),
    "small curve": (ROOT.issue(ALICE, key=ec.generate_private_key(ec.SECP192R1())), CertificateFault.WEAK),
    "no names": (ROOT.issue(), CertificateFault.NO_NAMES),
    "many names": (
        ROOT.issue(*(email(f"u{n}@acme.example") for n in range(101))),
        CertificateFault.TOO_MANY_NAMES,
    ),
    "same name of the authority": (Authority().issue(ALICE), CertificateFault.UNKNOWN_AUTHORITY),
    "other authority": (Authority("Others").issue(ALICE), CertificateFault.UNKNOWN_AUTHORITY),
    "other intermediate": (
        Authority("Engineers", Authority("Others")).issue(ALICE),
        CertificateFault.UNKNOWN_AUTHORITY,
    ),
    "signed by itself": (self_signed(), CertificateFault.NOT_FOR_CLIENTS),
}


@pytest.mark.parametrize("what", BAD)
def test_bad_certificates_are_refused(tmp_path: Path, what: str) -> None:
    who, fault = BAD[what]
    assert examined(trust(tmp_path), who) is fault


def test_a_client_cannot_sign_for_others(tmp_path: Path) -> None:
    client = ROOT.issue(email("mallory@acme.example"))
    signer = Authority("x")
    signer.key, signer.name = client.key, client.certificate.subject
    forged = signer.issue(ALICE)
    chain = [der(forged.certificate), der(client.certificate)]
    assert trust(tmp_path).examine(chain, datetime.now(UTC)) is CertificateFault.UNKNOWN_AUTHORITY


def test_good_keys_of_other_kinds_are_accepted(tmp_path: Path) -> None:
    for key in (ed25519.Ed25519PrivateKey.generate(), rsa.generate_private_key(65537, 2048)):
        assert isinstance(examined(trust(tmp_path), ROOT.issue(ALICE, key=key)), PeerCertificate)


@pytest.mark.parametrize(
    "name", ["*.people.acme.example", "a b.acme.example", "a\0.acme.example", "a\n.acme.example", ""]
)
def test_names_with_wildcards_or_strange_characters_are_left_out(tmp_path: Path, name: str) -> None:
    found = examined(trust(tmp_path), ROOT.issue(dns("good.acme.example"), dns(name)))
    assert isinstance(found, PeerCertificate)
    assert found.names == ((NameKind.DNS, "good.acme.example"),)


def test_revoked_certificates_are_refused(tmp_path: Path) -> None:
    good, bad = ROOT.issue(ALICE), ROOT.issue(ALICE)
    found = trust(tmp_path, crls=(ROOT.revocations(bad),))
    assert examined(found, bad) is CertificateFault.REVOKED
    assert isinstance(examined(found, good), PeerCertificate)
    assert not found.list_fault(datetime.now(UTC))


def test_without_a_valid_list_nothing_is_accepted(tmp_path: Path) -> None:
    who, below = ROOT.issue(ALICE), Authority("Engineers", ROOT)
    for ends, begins in ((-HOUR, -2 * HOUR), (2 * HOUR, HOUR)):
        found = trust(tmp_path, crls=(ROOT.revocations(ends=ends, begins=begins),))
        assert examined(found, who) is CertificateFault.REVOCATIONS_UNAVAILABLE
        assert found.list_fault(datetime.now(UTC))
    # An old list that names a certificate is still believed in that.
    found = trust(tmp_path, crls=(ROOT.revocations(who, ends=-HOUR, begins=-2 * HOUR),))
    assert examined(found, who) is CertificateFault.REVOKED
    found = trust(tmp_path, ROOT, below, crls=(ROOT.revocations(),))
    assert examined(found, below.issue(ALICE)) is CertificateFault.REVOCATIONS_UNAVAILABLE
    assert isinstance(examined(found, who), PeerCertificate)


def test_a_revoked_intermediate_authority_is_refused(tmp_path: Path) -> None:
    below = Authority("Engineers", ROOT)
    lists = (ROOT.revocations(Identity(below.certificate, below.key)), below.revocations())
    found = trust(tmp_path, ROOT, below, crls=lists)
    assert examined(found, below.issue(ALICE)) is CertificateFault.REVOKED


@pytest.mark.parametrize("what", ["garbage", "of another", "partial", "empty", "missing"])
def test_lists_that_cannot_be_believed_are_refused(tmp_path: Path, what: str) -> None:
    partial = x509.IssuingDistributionPoint(None, None, True, False, None, False, False)
    content = {
        "garbage": b"-----BEGIN X509 CRL-----\nAAAA\n-----END X509 CRL-----\n",
        "of another": pem(Authority().revocations()),
        "partial": pem(ROOT.revocations(extensions=[(partial, True)])),
        "empty": b"",
    }
    ca_file, crl_file = tmp_path / "ca.pem", tmp_path / "crl.pem"
    ca_file.write_text(ROOT.pem)
    if what in content:
        crl_file.write_bytes(content[what])
    with pytest.raises(ConfigurationError, match=r"crl\.pem"):
        ClientTrust.read(ca_file, crl_file)


@pytest.mark.parametrize("content", ["", "garbage", Authority("Engineers", ROOT).pem])
def test_a_ca_file_without_a_root_is_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / "ca.pem").write_text(content)
    with pytest.raises(ConfigurationError, match=r"ca\.pem"):
        read_authorities(tmp_path / "ca.pem")


WHO = ROOT.issue(ALICE)


@given(st.binary(max_size=20), st.integers(0, 10_000), st.integers(0, 20))
def test_any_bytes_may_be_given(noise: bytes, position: int, removed: int) -> None:
    found, good = ClientTrust([ROOT.certificate], None), WHO.chain[0]
    at = position % len(good)
    changed = good[:at] + noise + good[at + removed :]
    for chain in ([noise], [changed], [good, changed], [], [good] * 11):
        result = found.examine(chain, datetime.now(UTC))
        assert isinstance(result, CertificateFault) or result.serial == WHO.serial


def test_a_certificate_ends_with_its_authority(tmp_path: Path) -> None:
    found = examined(trust(tmp_path), ROOT.issue(ALICE, ends=timedelta(days=90)))
    assert isinstance(found, PeerCertificate)
    assert found.expires_at == ROOT.certificate.not_valid_after_utc
