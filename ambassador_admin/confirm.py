"""Asks for confirmations and secrets on the terminal."""

from dataclasses import dataclass
from getpass import getpass
from typing import TextIO

from ambassador_admin.errors import NotConfirmedError, UsageError


@dataclass(frozen=True, slots=True)
class Terminal:
    """The terminal, if there is one."""

    stdin: TextIO
    stderr: TextIO

    @property
    def is_interactive(self) -> bool:
        """Tell whether a person can be asked: standard input and standard error are a terminal."""
        return self.stdin.isatty() and self.stderr.isatty()

    def confirm(self, question: str, *, yes: bool) -> None:
        """Return if `yes` is true or the person agrees; raises NotConfirmedError, UsageError without a terminal."""
        if yes:
            return
        if not self.is_interactive:
            raise UsageError(
                f"{question} There is no terminal to ask on, and --yes is missing.", hint="add --yes"
            )
        self.stderr.write(f"{question} [y/N] ")
        self.stderr.flush()
        if self.stdin.readline().strip().lower() not in ("y", "yes"):
            raise NotConfirmedError("Not confirmed; nothing was changed.")

    def read_secret(self, prompt: str) -> str:
        """Return what the person types; the terminal does not show it."""
        return getpass(prompt, stream=self.stderr)
