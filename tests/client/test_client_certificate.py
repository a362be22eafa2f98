"""A client certificate is used only with a private key file, and what is wrong with it is told."""

import ssl
from pathlib import Path

import pytest

from ambassador_client.account.client_certificate import (
    CERT_VARIABLE,
    KEY_VARIABLE,
    PASSPHRASE_VARIABLE,
    certificate_from,
)
from ambassador_client.errors import SettingsError
from tests.authorities import HOUR, Authority, email

WHO = Authority().issue(email("alice@acme.example"))
WHO_WAS = Authority().issue(email("alice@acme.example"), begins=-2 * HOUR, ends=-HOUR)
WHO_WILL_BE = Authority().issue(email("alice@acme.example"), begins=HOUR, ends=2 * HOUR)


def used(**environ: str) -> None:
    certificate = certificate_from(environ)
    assert certificate is not None
    assert "sesame" not in repr(certificate)
    certificate.use(ssl.create_default_context())


def test_without_variables_there_is_none() -> None:
    assert certificate_from({}) is None


def test_files_and_a_passphrase_by_reference_are_used(tmp_path: Path) -> None:
    cert, key = WHO.files(tmp_path, "plain")
    used(**{CERT_VARIABLE: cert, KEY_VARIABLE: key})
    cert, key = WHO.files(tmp_path, "sealed", passphrase="open sesame")
    secret = {PASSPHRASE_VARIABLE: "env://WORD", "WORD": "open sesame"}
    used(**{CERT_VARIABLE: cert, KEY_VARIABLE: key}, **secret)
    both = tmp_path / "both.pem"
    both.write_bytes(Path(cert).read_bytes() + Path(key).read_bytes())
    both.chmod(0o600)
    used(**{CERT_VARIABLE: str(both)}, **secret)


def test_what_is_wrong_is_told(tmp_path: Path) -> None:
    cert, key = WHO.files(tmp_path, "plain")
    other = Authority().issue(email("bob@acme.example")).files(tmp_path, "other")[1]
    sealed = WHO.files(tmp_path, "sealed", passphrase="open sesame")[1]
    past = WHO_WAS.files(tmp_path, "past")
    future = WHO_WILL_BE.files(tmp_path, "future")
    nonsense = tmp_path / "nonsense.pem"
    nonsense.write_bytes(b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n\xff")
    shared = tmp_path / "shared.key"
    shared.write_bytes(Path(key).read_bytes())
    shared.chmod(0o644)
    faults = {
        "other users can read": {CERT_VARIABLE: cert, KEY_VARIABLE: str(shared)},
        "without its certificate": {KEY_VARIABLE: key},
        "is not the key of the certificate": {CERT_VARIABLE: cert, KEY_VARIABLE: other},
        "has a passphrase, which is not given": {CERT_VARIABLE: cert, KEY_VARIABLE: sealed},
        "does not open the client key": {
            **{CERT_VARIABLE: cert, KEY_VARIABLE: sealed, PASSPHRASE_VARIABLE: "env://WORD"},
            "WORD": "open sesam",
        },
        "cannot use the client certificate": {CERT_VARIABLE: str(nonsense), KEY_VARIABLE: key},
        "expired on 20.* UTC": {CERT_VARIABLE: past[0], KEY_VARIABLE: past[1]},
        "is not valid before 20.* UTC": {CERT_VARIABLE: future[0], KEY_VARIABLE: future[1]},
        "cannot read the client key": {CERT_VARIABLE: cert, KEY_VARIABLE: "no-such-file"},
        "cannot read the client certificate": {CERT_VARIABLE: "no-such-file", KEY_VARIABLE: key},
        "cannot read the client certificate no-such-file": {CERT_VARIABLE: "no-such-file"},
        "not given by reference": {CERT_VARIABLE: cert, PASSPHRASE_VARIABLE: "open sesame"},
        "is not set": {CERT_VARIABLE: cert, PASSPHRASE_VARIABLE: "env://NO_SUCH_WORD"},
    }
    for text, environ in faults.items():
        with pytest.raises(SettingsError, match=text) as raised:
            used(**environ)
        assert "sesame" not in f"{raised.value} {vars(raised.value)}"
