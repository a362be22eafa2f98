"""Minting and fingerprinting of opaque keys; standard library only."""

import hashlib
import hmac
import secrets

PRESHARED_KEY_PREFIX = "amb_pk_"
SESSION_TOKEN_PREFIX = "amb_st_"
ADMIN_KEY_PREFIX = "amb_ak_"

_RANDOM_BYTES = 36  # 288 bits, 48 base64url characters
_VISIBLE = 8


def mint_key(prefix: str) -> str:
    """Return a new key: the prefix and 48 random base64url characters."""
    return prefix + secrets.token_urlsafe(_RANDOM_BYTES)


def visible_prefix(key: str, prefix: str) -> str:
    """Return the eight characters after the prefix, by which a key is found and shown."""
    return key[len(prefix) : len(prefix) + _VISIBLE]


def is_well_formed(key: str, prefix: str) -> bool:
    """Tell whether the text can be a key of this kind at all."""
    body = key[len(prefix) :]
    return (
        key.startswith(prefix)
        and len(body) == 48
        and body.isascii()
        and body.replace("-", "").replace("_", "").isalnum()
    )


def digest_key(key: str, pepper: bytes) -> bytes:
    """Return HMAC-SHA-256 of the whole key; 288 random bits need no slow hash."""
    return hmac.digest(pepper, key.encode(), "sha256")


def digest_token(token: str) -> bytes:
    """Return SHA-256 of a session token, the only form in which it is stored."""
    return hashlib.sha256(token.encode()).digest()


def same(left: bytes, right: bytes) -> bool:
    """Compare in constant time."""
    return hmac.compare_digest(left, right)
