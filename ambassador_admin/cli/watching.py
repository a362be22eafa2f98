"""The option --watch: shows a result again whenever it changes, until Ctrl-C."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated

import typer

from ambassador_admin.cli.parsing import parse_duration
from ambassador_admin.context.invocation import Invocation
from ambassador_admin.errors import UnreachableError

_CLEAR = "\x1b[H\x1b[2J\x1b[3J"
_SECONDS = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchOptions:
    """Whether to watch, and how often to look."""

    watch: Annotated[
        bool, typer.Option("--watch", help="Show the result again whenever it changes, until Ctrl-C.")
    ] = False
    every: Annotated[
        str | None,
        typer.Option(
            "--every",
            metavar="DURATION",
            help=f"How often --watch looks; by default {_SECONDS}s.",
            show_default=False,
        ),
    ] = None

    def run(self, admin: Invocation, show: Callable[[], None]) -> None:
        """Show the result once, or with --watch again and again; an unreachable server is a warning then."""
        seconds = parse_duration(self.every, "--every") or _SECONDS
        if not self.watch:
            show()
            return
        shown: str | None = None
        while True:
            text = _text_of(admin, show)
            if text != shown:
                admin.output.write((_CLEAR if admin.output.is_terminal else "") + text.rstrip("\n"))
                shown = text
            time.sleep(seconds)


def _text_of(admin: Invocation, show: Callable[[], None]) -> str:
    with admin.output.collected() as text:
        try:
            show()
        except UnreachableError as error:
            admin.output.warn(f"{error.message} Trying again.")
    return text.getvalue()
