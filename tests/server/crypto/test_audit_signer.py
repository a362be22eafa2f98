"""The newest key signs, and the public keys of older ones are still given."""

import pytest

from ambassador_protocol.audit.public_keys import InvalidPublicKeyError, PublicKey, parse_public_keys
from ambassador_server.crypto.audit_signer import AuditSigner
from ambassador_server.errors import ConfigurationError

OLD, NEW = b"\x01" * 32, b"\x02" * 32


def test_newest_key_signs_and_every_public_key_is_given():
    signer = AuditSigner({2: NEW, 1: OLD})
    assert signer.key_id == AuditSigner({1: NEW}).key_id
    assert set(signer.public_keys) == {signer.key_id, AuditSigner({1: OLD}).key_id}


def test_signature_verifies_only_with_its_text_and_key():
    signer = AuditSigner({1: OLD, 2: NEW})
    old, new = (PublicKey.from_base64(text) for text in signer.public_keys.values())
    signature = signer.sign(b"text", old.key_id)
    assert old.verifies(signature, b"text")
    assert not old.verifies(signature, b"another")
    assert not new.verifies(signature, b"text")
    assert not old.verifies("no base64!", b"text")
    with pytest.raises(KeyError):
        signer.sign(b"text", "0" * 16)


def test_public_key_is_the_same_after_pem():
    keys = [PublicKey.from_base64(text) for text in AuditSigner({1: OLD, 2: NEW}).public_keys.values()]
    assert parse_public_keys("".join(key.pem() for key in keys)) == keys


@pytest.mark.parametrize(
    "text",
    [
        "",
        "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n",
        "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyE\n-----END PUBLIC KEY-----\n",
    ],
)
def test_text_that_is_not_a_public_key_is_refused(text: str):
    with pytest.raises(InvalidPublicKeyError):
        parse_public_keys(text)


def test_seed_of_another_size_is_refused():
    with pytest.raises(ConfigurationError, match="Audit key 1 is not 32 bytes"):
        AuditSigner({1: b"\x01" * 40})
