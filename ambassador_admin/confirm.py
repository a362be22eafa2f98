"""Asks before what cannot be undone."""

from dataclasses import dataclass
from getpass import getpass
from typing import TextIO

from ambassador_admin.errors import AdminError, UsageError


@dataclass(frozen=True, slots=True)
class Terminal:
    """Whoever may be at the terminal."""

    stdin: TextIO
    stderr: TextIO

    @property
    def is_interactive(self) -> bool:
        """Tell whether there is anybody to ask."""
        return self.stdin.isatty() and self.stderr.isatty()

    def confirm(self, question: str, *, yes: bool) -> None:
        """Return when the answer is yes; without a terminal only `yes` is an answer."""
        if yes:
            return
        if not self.is_interactive:
            raise UsageError(f"{question} Nobody is here to ask, and --yes is missing.", hint="add --yes")
        self.stderr.write(f"{question} [y/N] ")
        self.stderr.flush()
        if self.stdin.readline().strip().lower() not in ("y", "yes"):
            raise AdminError("Not confirmed; nothing was changed.")

    def read_secret(self, prompt: str) -> str:
        """Return what is typed, which the terminal does not show."""
        return getpass(prompt, stream=self.stderr)
