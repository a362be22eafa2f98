"""The command `completion install`: puts the completions of all three programs where the shell finds them."""

import sys
from collections.abc import Iterator, Mapping
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from ambassador_admin.cli.command import noun, verb
from ambassador_admin.context.invocation import Invocation
from ambassador_admin.errors import AdminError, NotFoundError, UsageError

_PROGRAMS = ("ambassador-client", "ambassador-admin", "ambassador-server")
_CHECKOUT = Path(__file__).parents[2] / "completions"


class Shell(StrEnum):
    """The shells with completions."""

    BASH = "bash"
    ZSH = "zsh"
    FISH = "fish"


_INSTALLED = {
    Shell.BASH: "share/bash-completion/completions/{}",
    Shell.ZSH: "share/zsh/site-functions/_{}",
    Shell.FISH: "share/fish/vendor_completions.d/{}.fish",
}
"""Where the wheel puts the files, below the prefix of the Python environment."""

app = noun("Completion of commands and names in your shell.")


@verb(app, "install", changes=True)
def install(
    admin: Invocation,
    shell: Annotated[
        Shell | None, typer.Argument(metavar="SHELL", help="bash, zsh or fish; by default that of $SHELL.")
    ] = None,
) -> None:
    """Install the completions of the three programs for your user.

    Example: ambassador-admin completion install bash
    """
    variables = admin.environment.variables
    chosen = shell or _own_shell(variables)
    directory = _directory(chosen, variables)
    if admin.skips_in_dry_run(f"write completions for {chosen} to {directory}"):
        return
    for name, content in _files(chosen):
        try:
            directory.mkdir(parents=True, exist_ok=True)
            (directory / name).write_text(content, encoding="utf-8")
        except OSError as error:
            raise AdminError(f"{directory / name} cannot be written: {error.strerror}.") from None
    admin.output.say(f"Installed the completions for {chosen} in {directory}; they work in a new shell.")
    if chosen is Shell.ZSH:
        admin.output.say(f"In ~/.zshrc, before compinit: fpath=({directory} $fpath)")


def _own_shell(variables: Mapping[str, str]) -> Shell:
    name = Path(variables.get("SHELL", "")).name
    if name not in tuple(Shell):
        raise UsageError("$SHELL names no shell that has completions.", hint=f"one of {', '.join(Shell)}")
    return Shell(name)


def _directory(shell: Shell, variables: Mapping[str, str]) -> Path:
    home = Path(variables.get("HOME") or Path.home())
    match shell:
        case Shell.BASH:
            data = Path(variables.get("XDG_DATA_HOME") or home / ".local" / "share")
            return data / "bash-completion" / "completions"
        case Shell.ZSH:
            return home / ".zfunc"
        case Shell.FISH:
            return Path(variables.get("XDG_CONFIG_HOME") or home / ".config") / "fish" / "completions"


def _files(shell: Shell) -> Iterator[tuple[str, str]]:
    """Yield the name and the content of each file, from the installed distribution or from a checkout."""
    for program in _PROGRAMS:
        installed, checkout = (
            Path(sys.prefix, _INSTALLED[shell].format(program)),
            _CHECKOUT / f"{program}.{shell}",
        )
        source = checkout if checkout.exists() else installed  # a checkout may be newer than its installation
        if not source.exists():
            raise NotFoundError(f"The completions are not installed: {installed} is missing.")
        yield installed.name, source.read_text(encoding="utf-8")
