"""Mints keys and one-time codes, and computes their digests."""

import hashlib
import hmac
import secrets

PRESHARED_KEY_PREFIX = "amb_pk_"
SESSION_TOKEN_PREFIX = "amb_st_"
ADMIN_KEY_PREFIX = "amb_ak_"
ACCESS_TOKEN_PREFIX = "amb_at_"

_RANDOM_BYTES = 36  # 288 bits, 48 base64url characters
_VISIBLE = 8

_CODE_ALPHABET = (
    "ABCDEFGHJKMNPQRSTVWXYZ0123456789"  # without I, L, O and U, which are mistaken for other characters
)
_CODE_CHARACTERS = 12  # 60 bits are enough for a code that is valid once and for minutes
_MISREAD = str.maketrans("ILO", "110", "- ")


def mint_key(prefix: str) -> str:
    """Return a new key: the prefix and 48 random base64url characters."""
    return prefix + secrets.token_urlsafe(_RANDOM_BYTES)


def visible_prefix(key: str, prefix: str) -> str:
    """Return the first eight characters after the prefix, by which a key is looked up and displayed."""
    return key[len(prefix) : len(prefix) + _VISIBLE]


def is_well_formed(key: str, prefix: str) -> bool:
    """Tell whether the text has the form of a key with this prefix."""
    body = key[len(prefix) :]
    return (
        key.startswith(prefix)
        and len(body) == 48
        and body.isascii()
        and body.replace("-", "").replace("_", "").isalnum()
    )


def mint_code() -> str:
    """Return a new one-time code, in groups of four characters, so that a person can read it out and type it."""
    drawn = "".join(secrets.choice(_CODE_ALPHABET) for _ in range(_CODE_CHARACTERS))
    return "-".join(drawn[start : start + 4] for start in range(0, _CODE_CHARACTERS, 4))


def plain_code(text: str) -> str | None:
    """Return a typed code without separators and with misread characters corrected; None if it cannot be a code."""
    code = text.strip().upper().translate(_MISREAD) if len(text) <= 4 * _CODE_CHARACTERS else ""
    return code if len(code) == _CODE_CHARACTERS and set(code) <= set(_CODE_ALPHABET) else None


def digest_key(key: str, pepper: bytes) -> bytes:
    """Return HMAC-SHA-256 of the whole key; 288 random bits need no slow hash."""
    return hmac.digest(pepper, key.encode(), "sha256")


def digest_token(token: str) -> bytes:
    """Return SHA-256 of a session token, the only form in which it is stored."""
    return hashlib.sha256(token.encode()).digest()


def same(left: bytes, right: bytes) -> bool:
    """Compare in constant time."""
    return hmac.compare_digest(left, right)
