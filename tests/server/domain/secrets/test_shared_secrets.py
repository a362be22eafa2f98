"""A public key in any usual form is never taken for a secret that two sides share."""

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from jwt.algorithms import ECAlgorithm

from ambassador_server.domain.secrets.shared_secrets import is_key, secret_fault

RSA = rsa.generate_private_key(65537, 2048).public_key()
EC = ec.generate_private_key(ec.SECP256R1()).public_key()
FORMS = {
    "spki": RSA.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode(),
    "pkcs1": RSA.public_bytes(Encoding.PEM, PublicFormat.PKCS1).decode(),
    "ssh rsa": RSA.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode(),
    "ssh ec": EC.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode(),
    "jwk": ECAlgorithm.to_jwk(EC),
    "certificate": "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n",
}


@pytest.mark.parametrize("form", FORMS)
def test_a_key_is_no_secret(form: str) -> None:
    words = ["Bag Attributes\n  localKeyID: 01\n"] if FORMS[form].startswith("-----BEGIN") else []
    for before in ("", "\ufeff", "\n \t", " \ufeff\n", *words):
        text = before + FORMS[form]
        assert is_key(text)
        assert secret_fault(text) is not None


def test_a_secret_has_32_bytes() -> None:
    assert secret_fault("x" * 31) == "has fewer than 32 bytes, so that it could be guessed"
    assert secret_fault("ü" * 16) is None
    assert secret_fault("x" * 32) is None
