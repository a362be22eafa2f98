"""Stores secrets in the system's keyring if there is one, else each in a file that only its owner can read."""

import os
import stat
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import quote

from ambassador_client.account.atomic_files import remove_private_file, write_private_file
from ambassador_client.errors import SettingsError

if TYPE_CHECKING:
    from keyring.backend import KeyringBackend

ADD_KEYRING = "pipx inject mcp-ambassador keyring"
NO_KEYRING = f"The library for the system's keyring is not installed; to install it, run: {ADD_KEYRING}"

_T = TypeVar("_T")

_SERVICE = "mcp-ambassador"
_MAX_SECRET_CHARACTERS = 4096


class CredentialStore:
    """Stores secrets by name, in the keyring or in files of `directory`; every method raises SettingsError."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def get(self, name: str) -> str | None:
        """Return the secret or None; files are read first, because a keyring may be slow."""
        secret = self.get_from_file(name)
        if secret is not None:
            return secret
        backend = self._keyring()
        return None if backend is None else _read_from_keyring(backend, name)

    def put(self, name: str, secret: str) -> str:
        """Store the secret, replacing an older one, and return a description of the place."""
        backend = self._keyring()
        if backend is not None and _write_to_keyring(backend, name, secret):
            self._remove_file(name)
            return self._describe_keyring(backend)
        path = self._path(name)
        write_private_file(path, secret)
        return f"file {path}"

    def put_with_record(
        self, name: str, secret: str | None, save_record: Callable[[], _T], *, is_other_server: bool
    ) -> tuple[_T, str | None]:
        """Store the secret, or none, and the record that binds it to its server; return the record and the place.

        With `is_other_server` the record of this name is that of another server now. Wherever this ends early, and
        whatever another process reads meanwhile, no secret is bound to a server that it is not for.
        """
        if secret is None or is_other_server:
            self.delete(name)
        place = None if secret is None or is_other_server else self.put(name, secret)
        record = save_record()
        if secret is not None and is_other_server:
            place = self.put(name, secret)
        return record, place

    def delete(self, name: str) -> bool:
        """Delete the secret and tell whether it existed."""
        had_file = self._remove_file(name)
        backend = self._keyring()
        return (backend is not None and _delete_from_keyring(backend, name)) or had_file

    def describe(self, name: str) -> str:
        """Return a description of the place where the secret is, or would be, stored."""
        path = self._path(name)
        backend = None if path.exists() else self._keyring()
        return f"file {path}" if backend is None else self._describe_keyring(backend)

    def _keyring(self) -> "KeyringBackend | None":
        keyring = _library()
        if keyring is None:
            return None
        try:
            with _open_keyring():
                backend = keyring.get_keyring()
                # Backends that store nothing have a priority of zero or less.
                return backend if float(backend.priority) > 0 else None
        except SettingsError:
            return None

    @staticmethod
    def _describe_keyring(backend: "KeyringBackend") -> str:
        return f"system keyring ({backend.name})"

    def _path(self, name: str) -> Path:
        return self._directory / f"{quote(name, safe='')}.secret"

    def get_from_file(self, name: str) -> str | None:
        """Return the secret if it is in a file, without asking the keyring."""
        path = self._path(name)
        try:
            # Neither block on a pipe nor follow a link that replaced the file.
            flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
            with os.fdopen(os.open(path, flags), encoding="utf-8") as file:
                _refuse_unless_private(os.fstat(file.fileno()), path)
                return file.read(_MAX_SECRET_CHARACTERS).strip() or None
        except (FileNotFoundError, NotADirectoryError):
            return None
        except UnicodeDecodeError:
            raise SettingsError(
                f"the secret in {path} is not text", "Delete the file and log in again."
            ) from None
        except OSError as error:
            raise SettingsError(f"cannot read the secret in {path}: {error.strerror}", "") from error

    def _remove_file(self, name: str) -> bool:
        return remove_private_file(self._path(name))


def lacks_keyring() -> bool:
    """Tell whether the keyring library is not installed; NO_KEYRING is the message for that."""
    return _library() is None


def _library() -> ModuleType | None:
    try:
        import keyring  # noqa: PLC0415 - slow to import
    except ImportError:  # an optional dependency on Linux
        return None
    return keyring


def _refuse_unless_private(status: os.stat_result, path: Path) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise SettingsError(f"{path} is not a regular file", "Delete it and log in again.")
    if sys.platform != "win32" and stat.S_IMODE(status.st_mode) & 0o077:
        raise SettingsError(f"other users can read the secret in {path}", f"Run: chmod 600 {path}")


def _read_from_keyring(backend: "KeyringBackend", name: str) -> str | None:
    with _open_keyring():
        return backend.get_password(_SERVICE, name)


def _write_to_keyring(backend: "KeyringBackend", name: str, secret: str) -> bool:
    try:
        with _open_keyring():
            backend.set_password(_SERVICE, name, secret)
    except SettingsError:
        return False
    return True


def _delete_from_keyring(backend: "KeyringBackend", name: str) -> bool:
    with _open_keyring():
        if backend.get_password(_SERVICE, name) is None:
            return False
        backend.delete_password(_SERVICE, name)
        return True


@contextmanager
def _open_keyring() -> Iterator[None]:
    from keyring.errors import KeyringError  # noqa: PLC0415 - as above

    try:
        yield
    except (KeyringError, OSError, RuntimeError) as error:  # backends also raise errors of their sockets
        raise SettingsError(
            f"the keyring cannot be opened: {error}", "Unlock it, or set MCP_AMBASSADOR_PRESHARED_KEY."
        ) from error
