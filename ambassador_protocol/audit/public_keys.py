"""The public keys that checkpoints are checked with; Ed25519 as in RFC 8032 and RFC 8410."""

import base64
import binascii
import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self

_PREFIX = bytes.fromhex("302a300506032b6570032100")  # SubjectPublicKeyInfo of Ed25519, before the 32 bytes
_PEM = re.compile(r"-----BEGIN PUBLIC KEY-----\s+([A-Za-z0-9+/=\s]+?)\s+-----END PUBLIC KEY-----")


class NoKeyError(ValueError):
    """This is no Ed25519 public key."""


class NoCryptographyError(Exception):
    """The library that checks signatures is not installed."""


@dataclass(frozen=True, slots=True)
class PublicKey:
    """One key; `der` is its SubjectPublicKeyInfo."""

    der: bytes

    def __post_init__(self) -> None:
        """Refuse any other kind of key."""
        if len(self.der) != len(_PREFIX) + 32 or not self.der.startswith(_PREFIX):
            raise NoKeyError("This is no Ed25519 public key.")

    @classmethod
    def from_raw(cls, raw: bytes) -> Self:
        """Return the key of 32 bytes."""
        return cls(_PREFIX + raw)

    @classmethod
    def from_base64(cls, text: str) -> Self:
        """Return the key; raises NoKeyError."""
        try:
            return cls(base64.b64decode(text, validate=True))
        except binascii.Error:
            raise NoKeyError("This is no base64.") from None

    @property
    def key_id(self) -> str:
        """Return the first 16 hex digits of SHA-256 over the DER form."""
        return hashlib.sha256(self.der).hexdigest()[:16]

    def base64(self) -> str:
        """Return the DER form in base64."""
        return base64.b64encode(self.der).decode()

    def pem(self) -> str:
        """Return the key as `openssl` reads it."""
        return f"-----BEGIN PUBLIC KEY-----\n{self.base64()}\n-----END PUBLIC KEY-----\n"

    def verifies(self, signature: str, text: bytes) -> bool:
        """Tell whether the key made this signature (base64) over the text; raises NoCryptographyError."""
        try:
            # Not above: the base install does without it wherever nobody asks for a signature.
            from cryptography.exceptions import InvalidSignature  # noqa: PLC0415
            from cryptography.hazmat.primitives.asymmetric.ed25519 import (  # noqa: PLC0415
                Ed25519PublicKey,
            )
        except ImportError:
            raise NoCryptographyError("Checking signatures needs the library `cryptography`.") from None
        try:
            key = Ed25519PublicKey.from_public_bytes(self.der[len(_PREFIX) :])
            key.verify(base64.b64decode(signature, validate=True), text)
        except (InvalidSignature, ValueError):
            return False
        return True


def keys_in(text: str) -> list[PublicKey]:
    """Return every key in a PEM file; raises NoKeyError when there is none."""
    found = [PublicKey.from_base64("".join(body.split())) for body in _PEM.findall(text)]
    if not found:
        raise NoKeyError("There is no public key in it, `-----BEGIN PUBLIC KEY-----`.")
    return found


def by_id(keys: Iterable[PublicKey]) -> dict[str, PublicKey]:
    """Return the keys by what checkpoints call them."""
    return {key.key_id: key for key in keys}
