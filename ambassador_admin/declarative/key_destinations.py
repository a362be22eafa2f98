"""Hands over client keys as they are issued: to a file each, or to a command's standard input."""

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
    """Where keys go; `prepare` is called before the first is issued, with all that may come."""

    def prepare(self, keys: Iterable[Key]) -> None:
        """Raise UsageError or AdminError when these keys could not be handed over."""
        ...

    def deliver(self, user: str, name: str, secret: str) -> None:
        """Hand over one; raises AdminError when nobody has it now."""
        ...


class KeyFiles:
    """One file per key, USER.NAME.key, readable by nobody else."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def prepare(self, keys: Iterable[Key]) -> None:
        """Make the directory, and make sure that files can be made in it and no two keys share one."""
        taken: dict[str, Key] = {}
        for key in keys:
            other = taken.setdefault(_file_name(*key), key)
            if other != key:
                raise UsageError(
                    f"Keys {other[1]!r} of {other[0]!r} and {key[1]!r} of {key[0]!r} share a file."
                )
        try:
            self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=self._directory):
                pass
        except OSError as error:
            raise self._cannot_be_written(error) from error

    def deliver(self, user: str, name: str, secret: str) -> None:
        """Write the key and a line end, over the file of an earlier key of this name."""
        path = self._directory / _file_name(user, name)
        try:
            put_file(path, f"{secret}\n".encode("ascii"))
        except OSError as error:
            raise self._cannot_be_written(error) from error

    def _cannot_be_written(self, error: OSError) -> AdminError:
        return AdminError(f"Keys cannot be written to {self._directory}: {error.strerror}.")


class KeyCommand:
    """A command that is run once per key, which it reads from its standard input; variables say whose it is."""

    def __init__(self, command: str, environ: Mapping[str, str]) -> None:
        self._command = SecretCommand("--keys-command", command, environ, detached=True)

    def prepare(self, keys: Iterable[Key]) -> None:
        """Make sure that there is such a program."""
        self._command.check()

    def deliver(self, user: str, name: str, secret: str) -> None:
        """Run the command; it has taken the key when it ends with 0."""
        failure = self._command.run(secret, {USER_VARIABLE: user, NAME_VARIABLE: name})
        if failure is not None:
            raise AdminError(f"{self._command.program!r} {failure}; the key is revoked again.")


@contextmanager
def interrupts_deferred() -> Iterator[None]:
    """Let a Ctrl-C wait until the block is done: a key that is being issued must reach somebody, or be revoked."""
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
