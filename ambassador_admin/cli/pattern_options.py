"""The options that name resources and prompts by patterns."""

from typing import Annotated

import typer

Resources = Annotated[
    list[str] | None,
    typer.Option(
        "--resource", metavar="PATTERN", help="Resources by URI; '*' matches anything; may be repeated."
    ),
]
Prompts = Annotated[
    list[str] | None,
    typer.Option(
        "--prompt", metavar="PATTERN", help="Prompts by name; '*' matches anything; may be repeated."
    ),
]


def tools_of(tool: list[str] | None, resource: list[str] | None, prompt: list[str] | None) -> list[str]:
    """Return the patterns of tools: those that are given, else all if nothing else is named, else none."""
    return tool or ([] if resource or prompt else ["*"])
