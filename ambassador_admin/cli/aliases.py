"""The other names under which people look for commands: `ls`, `get`, `rm`, `delete`, and `help NOUN VERB`."""

from collections.abc import Sequence
from typing import Any

from typer.core import TyperGroup

_ENDINGS = ("delete", "remove", "revoke", "cancel", "lift", "deactivate")
_VERBS = {
    "ls": ("list",),
    "get": ("show", "list"),
    "rm": _ENDINGS,
    "delete": _ENDINGS,
    "remove": _ENDINGS,
}
"""By alias, the verbs that it can stand for; the first one that the noun has is meant."""


class NounGroup(TyperGroup):
    """A group of commands that accepts aliases of its verbs."""

    def resolve_command(self, ctx: Any, args: list[str]) -> tuple[str | None, Any, list[str]]:
        """Return the name, the command and the remaining words."""
        return super().resolve_command(ctx, [self._verb(args), *args[1:]])

    def _verb(self, words: Sequence[str]) -> str:
        given = words[0]
        if given in self.commands:
            return given
        verbs = _VERBS.get(given, ())
        if given == "get" and not _names_an_object(words[1:]):
            verbs = ("list", "show")
        return next((verb for verb in verbs if verb in self.commands), given)


def _names_an_object(words: Sequence[str]) -> bool:
    return bool(words) and not words[0].startswith("-")


def without_help_verb(words: Sequence[str], topics: frozenset[str]) -> list[str]:
    """Return `NOUN VERB --help` for `help NOUN VERB`, and other words as they are; `topics` are commands of `help`."""
    if words[:1] == ["help"] and (len(words) == 1 or not (words[1] in topics or words[1].startswith("-"))):
        return [*words[1:], "--help"]
    return list(words)
