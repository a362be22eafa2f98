"""Seals values with AES-256-GCM, under keys derived from the signing keys of session tokens."""

import base64
import binascii
import secrets
import struct
from collections.abc import Mapping
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

_VERSION: Final = 1
_HEAD: Final = struct.Struct(">BH12s")
_INFO: Final = b"mcp-ambassador sealed state"


class AesGcmSealer:
    """Implements `ports.sealing.Sealer`; every server with the same session keys opens what another one has sealed.

    A sealed text is version, key number and nonce, then the ciphertext with its tag, in base64url without padding.
    """

    def __init__(self, keys: Mapping[int, bytes]) -> None:
        self._ciphers = {number: AESGCM(_derived(key)) for number, key in keys.items()}
        self._number = max(keys)

    def seal(self, content: bytes, context: bytes) -> str:
        """Return the sealed content as text."""
        head = _HEAD.pack(_VERSION, self._number, secrets.token_bytes(12))
        nonce = head[-12:]
        ciphertext = self._ciphers[self._number].encrypt(nonce, content, head + context)
        return _encoded(head + ciphertext)

    def open(self, sealed: str, context: bytes) -> bytes | None:
        """Return the content, or None for a text that was not sealed for this context, or was changed."""
        try:
            raw = base64.urlsafe_b64decode(sealed.encode("ascii") + b"=" * (-len(sealed) % 4))
            version, number, nonce = _HEAD.unpack(raw[: _HEAD.size])
        except (UnicodeEncodeError, binascii.Error, struct.error):
            return None
        if _encoded(raw) != sealed:
            return None
        cipher = self._ciphers.get(number)
        if version != _VERSION or cipher is None:
            return None
        try:
            return cipher.decrypt(nonce, raw[_HEAD.size :], raw[: _HEAD.size] + context)
        except InvalidTag:
            return None


def _encoded(raw: bytes) -> str:
    """Return the only spelling that is accepted."""
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode("ascii")


def _derived(key: bytes) -> bytes:
    return HKDF(algorithm=SHA256(), length=32, salt=None, info=_INFO).derive(key)
