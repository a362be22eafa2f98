"""Runs a command of the administrator that reads a secret from its standard input."""

import shlex
import shutil
import subprocess
from collections.abc import Mapping

from ambassador_admin.context.settings import KEY_VARIABLE
from ambassador_admin.errors import UsageError

_SECONDS = 300


class SecretCommand:
    """A command that is run without a shell and without the admin key in its environment.

    `option` is the option that named it, for error messages. A `detached` command runs in a session of its own: a
    Ctrl-C on the terminal does not reach it, and it cannot read from the terminal. Raises UsageError for a command that
    cannot be parsed.
    """

    def __init__(
        self, option: str, command: str, environ: Mapping[str, str], *, detached: bool = False
    ) -> None:
        try:
            self._words = shlex.split(command)
        except ValueError as error:
            raise UsageError(f"{option}: {command!r} cannot be read: {error}.") from None
        if not self._words:
            raise UsageError(f"{option} names no command.")
        self._option = option
        self._environ = {name: value for name, value in environ.items() if name != KEY_VARIABLE}
        self._detached = detached

    @property
    def program(self) -> str:
        """Return the name of the program."""
        return self._words[0]

    def check(self) -> None:
        """Raise UsageError when there is no such program."""
        if shutil.which(self.program, path=self._environ.get("PATH")) is None:
            raise UsageError(f"{self._option}: there is no program {self.program!r} to run.")

    def run(self, secret: str, variables: Mapping[str, str] | None = None) -> str | None:
        """Run the command with the secret and a line feed as its input; return why it failed, or None."""
        try:
            done = subprocess.run(  # noqa: S603 # the administrator's own command, and no shell reads it
                self._words,
                check=False,
                input=f"{secret}\n".encode(),
                # Standard output is for the description of the key, so the command writes to standard error.
                stdout=2,
                env=self._environ | dict(variables or {}),
                timeout=_SECONDS,
                start_new_session=self._detached,
            )
        except subprocess.TimeoutExpired:
            return f"did not end within {_SECONDS} seconds"
        except OSError as error:
            return f"cannot be run: {error.strerror}"
        if done.returncode < 0:
            return f"was ended by signal {-done.returncode}"
        return f"failed with exit code {done.returncode}" if done.returncode else None
