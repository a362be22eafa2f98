"""The secrets a server holds: the pepper of stored keys and the signing keys of session tokens."""

import os
import secrets
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ambassador_server.errors import ConfigurationError

_BYTES = 32
_PEPPER = "pepper"
_SESSION_KEY = "session-{number}"
_MAX_KEYS = 255


@dataclass(frozen=True, slots=True)
class KeyRing:
    """`session_keys` by number; the highest signs, all of them verify."""

    pepper: bytes
    session_keys: Mapping[int, bytes]

    @property
    def signing_number(self) -> int:
        """Return the number of the key that signs."""
        return max(self.session_keys)


def load_or_create(directory: Path) -> KeyRing:
    """Read the key files, creating those a first start needs.

    Raises ConfigurationError for a file of the wrong size or one that others may read.
    """
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        _refuse_if_shared(directory)
        pepper = _read_or_create(directory / _PEPPER)
        numbers = [number for number in range(1, _MAX_KEYS + 1) if (directory / _session_file(number)).exists()]
        session_keys = {number: _read_or_create(directory / _session_file(number)) for number in numbers or [1]}
    except OSError as error:
        raise ConfigurationError(f"Cannot use the keys in {directory}: {error.strerror}.") from error
    return KeyRing(pepper, session_keys)


def _session_file(number: int) -> str:
    return _SESSION_KEY.format(number=number)


def _read_or_create(path: Path) -> bytes:
    if not path.exists():
        _create(path)
    _refuse_if_shared(path)
    key = path.read_bytes()
    if len(key) != _BYTES:
        raise ConfigurationError(f"{path} holds {len(key)} bytes, not {_BYTES}; restore it from a backup.")
    return key


def _create(path: Path) -> None:
    """Write the key beside its place and link it there: whoever comes second keeps the first one's key."""
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(secrets.token_bytes(_BYTES))
            file.flush()
            os.fsync(file.fileno())
        os.link(beside, path)
    except FileExistsError:
        return
    finally:
        beside.unlink()


def _refuse_if_shared(path: Path) -> None:
    if os.name == "posix" and stat.S_IMODE(path.stat().st_mode) & 0o077:
        mode = "700" if path.is_dir() else "600"
        raise ConfigurationError(
            f"{path} can be read by others on this machine.", hint=f"Run: chmod {mode} {path}"
        )
