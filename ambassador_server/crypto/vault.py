"""Seals the credentials of users with AES-256-GCM, under a key for each user that is derived from a master key."""

import hmac
import secrets
import struct
from collections.abc import Callable, Collection, Mapping
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from ambassador_server.errors import ConfigurationError, VaultDamagedError, VaultKeyMissingError
from ambassador_server.ports.vault import Sealed, SecretPlace

_VERSION: Final = 1
_MARK_BYTES: Final = 8
_HEAD: Final = struct.Struct(f">B{_MARK_BYTES}s12s")
_TAG_BYTES: Final = 16
_LENGTH: Final = struct.Struct(">I")
_USER_KEY: Final = b"mcp-ambassador vault: key of a user"
_MARK: Final = b"mcp-ambassador vault: mark of a master key"


class AesGcmVault:
    """Implements `ports.vault.Vault`; `read_keys` returns the master keys by number, as they are now.

    The content is version, mark of the master key and nonce, then the ciphertext with its tag. The mark tells another
    key with the same number from content that was changed.
    """

    def __init__(self, read_keys: Callable[[], Mapping[int, bytes]]) -> None:
        self._read_keys = read_keys
        self._keys = dict(read_keys())

    @property
    def newest(self) -> int:
        """Return the number of the master key that seals now, after a look for a newer one."""
        numbers = self.numbers
        if not numbers:
            raise VaultKeyMissingError("There is no master key for the credentials of users.")
        return max(numbers)

    @property
    def numbers(self) -> Collection[int]:
        """Return the numbers of the master keys that are there now."""
        self._read_again()
        return self._keys.keys()

    def lacks(self, sealed: Sealed) -> bool:
        """Tell whether the master key that sealed the content is not there, or is another one."""
        key = self._keys.get(sealed.key_number)
        return key is None or not hmac.compare_digest(_mark(key), sealed.content[1 : 1 + _MARK_BYTES])

    def seal(self, value: bytes, place: SecretPlace) -> Sealed:
        """Seal a value."""
        number = self.newest
        key = self._keys[number]
        head = _HEAD.pack(_VERSION, _mark(key), secrets.token_bytes(12))
        ciphertext = _cipher(key, place).encrypt(head[-12:], value, _bound(head, number, place))
        return Sealed(number, head + ciphertext)

    def open(self, sealed: Sealed, place: SecretPlace) -> bytes:
        """Return the value."""
        content = sealed.content
        if len(content) < _HEAD.size + _TAG_BYTES or content[0] != _VERSION:
            raise VaultDamagedError("A stored credential is damaged.")
        if self.lacks(sealed):
            self._read_again()
            if self.lacks(sealed):
                raise VaultKeyMissingError(
                    f"The master key vault-{sealed.key_number} of a stored credential is missing, or is another one."
                )
        head = content[: _HEAD.size]
        cipher = _cipher(self._keys[sealed.key_number], place)
        try:
            return cipher.decrypt(head[-12:], content[_HEAD.size :], _bound(head, sealed.key_number, place))
        except InvalidTag:
            raise VaultDamagedError(
                "A stored credential was changed, or belongs to another user, MCP or field."
            ) from None

    def _read_again(self) -> None:
        try:
            self._keys = dict(self._read_keys())
        except ConfigurationError as error:
            raise VaultKeyMissingError(error.message, hint=error.hint) from None


def _cipher(key: bytes, place: SecretPlace) -> AESGCM:
    return AESGCM(_derived(key, _joined(_USER_KEY, place.user_id.encode()), 32))


def _mark(key: bytes) -> bytes:
    return _derived(key, _MARK, _MARK_BYTES)


def _bound(head: bytes, number: int, place: SecretPlace) -> bytes:
    """Return what the tag covers besides the ciphertext."""
    names = (place.user_id, place.mcp_id, place.field)
    return _joined(head, _LENGTH.pack(number), *(name.encode() for name in names))


def _joined(*parts: bytes) -> bytes:
    """Return the parts with their lengths, so that no two lists of parts give the same bytes."""
    return b"".join(_LENGTH.pack(len(part)) + part for part in parts)


def _derived(key: bytes, info: bytes, length: int) -> bytes:
    return HKDF(algorithm=SHA256(), length=length, salt=None, info=info).derive(key)
