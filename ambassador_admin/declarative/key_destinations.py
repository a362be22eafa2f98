"""Delivers issued client keys: each to a file, or to the standard input of a command."""

import signal
import tempfile
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

from ambassador_admin.declarative.objects import Key
from ambassador_admin.errors import AdminError, UsageError
from ambassador_admin.secret_command import SecretCommand
from ambassador_client.account.atomic_files import put_file

USER_VARIABLE = "MCP_AMBASSADOR_KEY_USER"
NAME_VARIABLE = "MCP_AMBASSADOR_KEY_NAME"


class KeyDestination(Protocol):
    """Where keys go; `prepare` is called with all keys before the first is issued."""

    def prepare(self, keys: Iterable[Key]) -> None:
        """Raise UsageError or AdminError if these keys cannot be delivered."""
        ...

    def deliver(self, user: str, name: str, secret: str) -> None:
        """Deliver one key; raises AdminError if that failed."""
        ...


class KeyFiles:
    """Writes each key to a file `USER.NAME.key` with mode 0600."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def prepare(self, keys: Iterable[Key]) -> None:
        """Create the directory; check that it is writable and that no two keys have the same file name."""
        by_file: dict[str, Key] = {}
        for key in keys:
            other = by_file.setdefault(_file_name(*key), key)
            if other != key:
                raise UsageError(
                    f"Keys {other[1]!r} of {other[0]!r} and {key[1]!r} of {key[0]!r} have the same file name."
                )
        try:
            self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=self._directory):
                pass
        except OSError as error:
            raise self._cannot_be_written(error) from error

    def deliver(self, user: str, name: str, secret: str) -> None:
        """Write the key and a line feed; replaces the file of an earlier key of this name."""
        path = self._directory / _file_name(user, name)
        try:
            put_file(path, f"{secret}\n".encode("ascii"))
        except OSError as error:
            raise self._cannot_be_written(error) from error

    def _cannot_be_written(self, error: OSError) -> AdminError:
        return AdminError(f"Keys cannot be written to {self._directory}: {error.strerror}.")


class KeyCommand:
    """Runs a command for each key, with the key on its standard input and user and name in its environment."""

    def __init__(self, command: str, environ: Mapping[str, str]) -> None:
        self._command = SecretCommand("--keys-command", command, environ, detached=True)

    def prepare(self, keys: Iterable[Key]) -> None:
        """Raise UsageError if there is no such program."""
        self._command.check()

    def deliver(self, user: str, name: str, secret: str) -> None:
        """Run the command; raises AdminError unless it ends with exit code 0."""
        failure = self._command.run(secret, {USER_VARIABLE: user, NAME_VARIABLE: name})
        if failure is not None:
            raise AdminError(f"{self._command.program!r} {failure}; the key is revoked.")


@contextmanager
def interrupts_deferred() -> Iterator[None]:
    """Defer a Ctrl-C until the block is done, so that an issued key is always delivered or revoked."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    waiting: list[int] = []

    def remember(number: int, _: Any) -> None:
        waiting.append(number)

    before = signal.signal(signal.SIGINT, remember)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
    if waiting:
        raise KeyboardInterrupt


def _file_name(user: str, name: str) -> str:
    return f"{user}.{name}.key"
