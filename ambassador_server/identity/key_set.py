"""The public keys of an issuer, read from a JSON Web Key Set; what is no good key for signatures is left out."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from jwt import PyJWK, PyJWTError
from msgspec import Struct

from ambassador_server.domain.people.issuers import Algorithm

PublicKey = RSAPublicKey | EllipticCurvePublicKey | Ed25519PublicKey | bytes
MOST_KEYS: Final = 100
_MOST_TRIED: Final = 4
_RSA_BITS: Final = range(2048, 8193)
_RSA: Final = frozenset({"RS256", "RS384", "RS512", "PS256", "PS384", "PS512"})
_CURVES: Final[Mapping[str, str]] = {"secp256r1": "ES256", "secp384r1": "ES384", "secp521r1": "ES512"}


class VerificationKey(Struct, frozen=True):
    """A key, its name, and the algorithms that it may verify."""

    key_id: str | None
    algorithms: frozenset[str]
    key: PublicKey


class KeySet(Struct, frozen=True):
    """The keys of an issuer."""

    keys: tuple[VerificationKey, ...]

    def choose(self, algorithm: str, key_id: str | None) -> Sequence[VerificationKey]:
        """Return the keys that may have signed a token; one without the name of a key has to leave no choice."""
        fitting = [each for each in self.keys if algorithm in each.algorithms]
        if key_id is None:
            return fitting if len(fitting) == 1 else ()
        return [each for each in fitting if each.key_id in (key_id, None)][:_MOST_TRIED]


def read_key_set(document: Mapping[str, Any]) -> KeySet:
    """Return the good keys of a document; any JSON object may be given."""
    listed = document.get("keys")
    found = (_key(each) for each in (listed[:MOST_KEYS] if isinstance(listed, list) else ()))
    return KeySet(tuple(each for each in found if each is not None))


def shared_secret(secret: str) -> KeySet:
    """Return the only key of an issuer that shares a secret with this server; the name of a key means nothing to it."""
    return KeySet((VerificationKey(None, frozenset({Algorithm.HS256.value}), secret.encode()),))


def _key(data: Any) -> VerificationKey | None:
    # A key with a private part is known to others than the issuer, and a symmetric one to all who can read it here.
    if not isinstance(data, dict) or "d" in data or data.get("kty") not in ("RSA", "EC", "OKP"):
        return None
    key_id, named = data.get("kid"), data.get("alg")
    if data.get("use", "sig") != "sig" or not isinstance(key_id, str | None):
        return None
    try:
        # What a key may verify follows from the key itself.
        key = PyJWK({name: value for name, value in data.items() if name != "alg"}).key
    except (PyJWTError, ValueError, TypeError, KeyError, OverflowError):
        return None
    algorithms = algorithms_of(key)
    if named is not None:
        algorithms &= {named} if isinstance(named, str) else set()
    return VerificationKey(key_id, algorithms, key) if algorithms else None


def algorithms_of(key: Any) -> frozenset[str]:
    if isinstance(key, RSAPublicKey):
        return _RSA if key.key_size in _RSA_BITS else frozenset()
    if isinstance(key, EllipticCurvePublicKey):
        named = _CURVES.get(key.curve.name)
        return frozenset() if named is None else frozenset({named})
    return frozenset({"EdDSA"}) if isinstance(key, Ed25519PublicKey) else frozenset()
