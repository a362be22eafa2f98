"""Decides whether a command may be started at all, by the server's setting `stdio.allowed_commands`."""

import posixpath
from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase

from ambassador_server.errors import InvalidInputError

# Variables that make an allowed program run another one, or other code in it.
_REDIRECTING = frozenset(
    {"PATH", "NODE_OPTIONS", "NODE_PATH", "PYTHONPATH", "PYTHONHOME", "PYTHONSTARTUP", "PYTHONINSPECT"}
    | {"PYTHONBREAKPOINT", "PYTHONUSERBASE", "BASH_ENV", "ENV", "PERL5OPT", "PERL5LIB", "RUBYOPT", "RUBYLIB"}
    | {"JAVA_TOOL_OPTIONS", "JDK_JAVA_OPTIONS", "CLASSPATH", "HOME"}
)
_REDIRECTING_PREFIXES = ("LD_", "DYLD_", "UV_", "PIP_", "NPM_CONFIG_", "GIT_", "XDG_")


def check_command(
    argv: Sequence[str], env: Mapping[str, str], cwd: str | None, allowed: Sequence[str] | None
) -> None:
    """Raise InvalidInputError unless a pattern allows the command; None allows any.

    A pattern holds a glob for the program, then globs for the first arguments, separated by spaces. A program with a
    directory is compared as an absolute path.
    """
    if allowed is None:
        return
    program = argv[0]
    if "/" in program:
        program = posixpath.normpath(posixpath.join(cwd or "/", program))
    if not any(_matches(pattern.split(), [program, *argv[1:]]) for pattern in allowed):
        raise InvalidInputError(
            f"The command {argv[0]!r} with these arguments is not among the server's stdio.allowed_commands."
        )
    for name in env:
        if redirects(name):
            raise InvalidInputError(
                f"The variable {name} could make an allowed command run another one: with stdio.allowed_commands "
                "it may not be set."
            )


def redirects(variable: str) -> bool:
    """Tell whether a variable can make a program run another one, or other code in it."""
    return variable in _REDIRECTING or variable.upper().startswith(_REDIRECTING_PREFIXES)


def _matches(globs: Sequence[str], words: Sequence[str]) -> bool:
    return len(globs) <= len(words) and all(
        fnmatchcase(word, glob) for glob, word in zip(globs, words, strict=False)
    )
