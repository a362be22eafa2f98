"""The Ed25519 public keys that verify checkpoints (RFC 8032, RFC 8410)."""

import base64
import binascii
import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self

_PREFIX = bytes.fromhex("302a300506032b6570032100")  # SubjectPublicKeyInfo of Ed25519, before the 32 bytes
_PEM = re.compile(r"-----BEGIN PUBLIC KEY-----\s+([A-Za-z0-9+/=\s]+?)\s+-----END PUBLIC KEY-----")


class InvalidPublicKeyError(ValueError):
    """The text or bytes are no Ed25519 public key."""


class MissingCryptographyError(Exception):
    """The library `cryptography`, which checks signatures, is not installed."""


@dataclass(frozen=True, slots=True)
class PublicKey:
    """One public key; `der` is its SubjectPublicKeyInfo."""

    der: bytes

    def __post_init__(self) -> None:
        """Raise InvalidPublicKeyError unless `der` is an Ed25519 key."""
        if len(self.der) != len(_PREFIX) + 32 or not self.der.startswith(_PREFIX):
            raise InvalidPublicKeyError("This is no Ed25519 public key.")

    @classmethod
    def from_raw(cls, raw: bytes) -> Self:
        """Return the key whose raw form these 32 bytes are."""
        return cls(_PREFIX + raw)

    @classmethod
    def from_base64(cls, text: str) -> Self:
        """Return the key whose DER form this is in base64; raises InvalidPublicKeyError."""
        try:
            return cls(base64.b64decode(text, validate=True))
        except binascii.Error:
            raise InvalidPublicKeyError("This is no base64.") from None

    @property
    def key_id(self) -> str:
        """Return the id that checkpoints use: the first 16 hex digits of SHA-256 over the DER form."""
        return hashlib.sha256(self.der).hexdigest()[:16]

    def base64(self) -> str:
        """Return the DER form in base64."""
        return base64.b64encode(self.der).decode()

    def pem(self) -> str:
        """Return the key in PEM."""
        return f"-----BEGIN PUBLIC KEY-----\n{self.base64()}\n-----END PUBLIC KEY-----\n"

    def verifies(self, signature: str, text: bytes) -> bool:
        """Tell whether this is the signature (base64) of the text by the key; raises MissingCryptographyError."""
        try:
            # Not above: the base install lacks the library, and only this method needs it.
            from cryptography.exceptions import InvalidSignature  # noqa: PLC0415
            from cryptography.hazmat.primitives.asymmetric.ed25519 import (  # noqa: PLC0415
                Ed25519PublicKey,
            )
        except ImportError:
            raise MissingCryptographyError("Checking signatures needs the library `cryptography`.") from None
        try:
            key = Ed25519PublicKey.from_public_bytes(self.der[len(_PREFIX) :])
            key.verify(base64.b64decode(signature, validate=True), text)
        except (InvalidSignature, ValueError):
            return False
        return True


def parse_public_keys(text: str) -> list[PublicKey]:
    """Return every key in a PEM text; raises InvalidPublicKeyError when there is none."""
    found = [PublicKey.from_base64("".join(body.split())) for body in _PEM.findall(text)]
    if not found:
        raise InvalidPublicKeyError("There is no `-----BEGIN PUBLIC KEY-----` in it.")
    return found


def keys_by_id(keys: Iterable[PublicKey]) -> dict[str, PublicKey]:
    """Return the keys by the ids that checkpoints use."""
    return {key.key_id: key for key in keys}
