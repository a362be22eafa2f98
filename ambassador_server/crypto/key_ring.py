"""The server's own secrets: the pepper for stored keys, signing keys of tokens and the audit log, and master keys."""

import base64
import binascii
import os
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ambassador_protocol.references import SecretReferenceError
from ambassador_server.crypto.private_files import private_directory, read_private, write_private
from ambassador_server.errors import ConfigurationError
from ambassador_server.secret_stores import check_reference, resolve_reference

_BYTES = 32
_PEPPER = "pepper"
_SESSION, _AUDIT, _VAULT = "session", "audit", "vault"
_NUMBERED = re.compile(r"(session|audit|vault)-([1-9][0-9]{0,4})")
_HIGHEST_NUMBER = 65_535


@dataclass(frozen=True, slots=True)
class KeyRing:
    """The secrets in memory; `session_keys` and `audit_keys` are by number, and the highest number signs.

    An audit key is the 32-byte seed of an Ed25519 key.
    """

    pepper: bytes = field(repr=False)
    session_keys: Mapping[int, bytes] = field(repr=False)
    audit_keys: Mapping[int, bytes] = field(repr=False)

    @property
    def signing_number(self) -> int:
        """Return the number of the session key that signs."""
        return max(self.session_keys)


@dataclass(frozen=True, slots=True, kw_only=True)
class KeySources:
    """References to keys outside the key directory: `env://NAME` or `file:///path`, each holding base64.

    `session_keys`, `audit_keys` and `vault_keys` are by number, as in a key ring; a number must always name the same
    key. The vault keys are the master keys of the credentials of users.
    """

    pepper: str | None = None
    session_keys: Mapping[int, str] = field(default_factory=dict)
    audit_keys: Mapping[int, str] = field(default_factory=dict)
    vault_keys: Mapping[int, str] = field(default_factory=dict)


def load_or_create(directory: Path, sources: KeySources | None = None) -> KeyRing:
    """Read the keys, and create the files that a first start needs.

    Raises ConfigurationError for a key of the wrong size, one that other users may read, or one that is missing.
    """
    sources = sources or KeySources()
    pepper = _read_source(sources.pepper) if sources.pepper is not None else None
    session_keys = _read_all_sources(sources.session_keys)
    audit_keys = _read_all_sources(sources.audit_keys)
    if pepper is not None and session_keys and audit_keys:
        return KeyRing(pepper, session_keys, audit_keys)
    try:
        with private_directory(directory):
            pepper = pepper or _pepper_in(directory)
            session_keys = session_keys or _keys_in(directory, _SESSION)
            audit_keys = audit_keys or _keys_in(directory, _AUDIT)
    except OSError as error:
        raise _unusable(directory, error) from error
    return KeyRing(pepper, session_keys, audit_keys)


def audit_keys_in(directory: Path) -> dict[int, bytes]:
    """Read the existing audit keys by number and create none; raises ConfigurationError."""
    return _existing(directory, _AUDIT)


def vault_keys_in(directory: Path, sources: KeySources | None = None) -> dict[int, bytes]:
    """Read the existing master keys by number, those of the sources if there are any; raises ConfigurationError.

    None is created here: a new key in place of a lost one would hide that values can no longer be opened.
    """
    if sources is not None and sources.vault_keys:
        return _read_all_sources(sources.vault_keys)
    return _existing(directory, _VAULT)


def add_session_key(directory: Path) -> int:
    """Create the next session key and return its number; servers sign with it from their next start.

    Tokens of older keys stay valid until the file of their key is removed. Raises ConfigurationError.
    """
    return _add(directory, _SESSION)


def add_audit_key(directory: Path) -> int:
    """Create the next audit key and return its number; servers sign with it from their next start.

    The older key stays, because it has to sign the line that names its successor. Raises ConfigurationError.
    """
    return _add(directory, _AUDIT)


def add_vault_key(directory: Path, *, above: int = 0) -> int:
    """Create the next master key and return its number, which is higher than `above`; servers seal with it at once.

    The number of a lost key is not given again, so that the key can still be restored. Raises ConfigurationError.
    """
    return _add(directory, _VAULT, above)


def create_first_vault_key(directory: Path, *, above: int = 0) -> None:
    """Create a master key unless there is one, also if several servers start at once; as `add_vault_key` does."""
    try:
        with private_directory(directory):
            if not _numbers(directory, _VAULT):
                _create(directory / f"{_VAULT}-{_checked_number(above + 1)}")
    except OSError as error:
        raise _unusable(directory, error) from error


def _existing(directory: Path, kind: str) -> dict[int, bytes]:
    try:
        numbers = _numbers(directory, kind) if directory.is_dir() else []
        found = {number: read_private(directory / f"{kind}-{number}") for number in numbers}
    except OSError as error:
        raise _unusable(directory, error) from error
    return {
        number: _decoded(content, str(directory / f"{kind}-{number}"))
        for number, content in found.items()
        if content is not None
    }


def _add(directory: Path, kind: str, above: int = 0) -> int:
    try:
        with private_directory(directory):
            number = max(above, *_numbers(directory, kind), 0) + 1
            _create(directory / f"{kind}-{_checked_number(number)}")
    except OSError as error:
        raise _unusable(directory, error) from error
    return number


def _read_all_sources(sources: Mapping[int, str]) -> dict[int, bytes]:
    return {_checked_number(number): _read_source(source) for number, source in sources.items()}


def _pepper_in(directory: Path) -> bytes:
    path = directory / _PEPPER
    if not path.exists() and _numbers(directory, _SESSION):
        # A new pepper would make every issued key invalid without a word.
        raise ConfigurationError(
            f"{path} is missing: without it no preshared key or admin key is recognised.",
            hint=f"Restore it from a backup. To create a new one and issue every key again, empty {directory}.",
        )
    return _read_or_create(path)


def _keys_in(directory: Path, kind: str) -> dict[int, bytes]:
    return {
        number: _read_or_create(directory / f"{kind}-{number}") for number in _numbers(directory, kind) or [1]
    }


def _numbers(directory: Path, kind: str) -> list[int]:
    found = (_NUMBERED.fullmatch(name) for name in os.listdir(directory))
    numbers = (int(match[2]) for match in found if match is not None and match[1] == kind)
    return sorted(number for number in numbers if number <= _HIGHEST_NUMBER)


def _read_or_create(path: Path) -> bytes:
    content = read_private(path)
    return _create(path) if content is None else _decoded(content, str(path))


def _create(path: Path) -> bytes:
    key = secrets.token_bytes(_BYTES)
    write_private(path, base64.b64encode(key) + b"\n")
    return key


def _read_source(source: str) -> bytes:
    try:
        if check_reference(source) is not None:
            return _decoded(resolve_reference(source).encode(errors="replace"), source)
    except SecretReferenceError as error:
        raise ConfigurationError(f"{error}.") from None
    raise ConfigurationError(
        "A key is given as env://NAME or file:///path, never in the configuration itself."
    )


def _decoded(content: bytes, place: str) -> bytes:
    try:
        key = base64.b64decode(content.strip().translate(bytes.maketrans(b"-_", b"+/")), validate=True)
    except binascii.Error:
        key = b""
    if len(key) < _BYTES:
        raise ConfigurationError(
            f"{place} does not hold a key: at least {_BYTES} random bytes in base64.",
            hint="Restore it from a backup, or make one with: openssl rand -base64 32",
        )
    return key


def _checked_number(number: int) -> int:
    if not 1 <= number <= _HIGHEST_NUMBER:
        raise ConfigurationError(f"A key cannot have number {number}: 1 to {_HIGHEST_NUMBER}.")
    return number


def _unusable(directory: Path, error: OSError) -> ConfigurationError:
    return ConfigurationError(f"Cannot use the keys in {directory}: {error.strerror}.")
